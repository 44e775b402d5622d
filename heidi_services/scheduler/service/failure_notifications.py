"""Notify the recipient in a schedule's `onFailure` of failed and missed runs, through the notification service."""

import logging
from typing import Any
from uuid import UUID

from heidi_common.messaging import outbox
from heidi_common.messaging.events import NotificationSend
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.misfire import MissedSlots
from heidi_services.scheduler.service.derived_ids import derived_id

log = logging.getLogger(__name__)
DEFAULT_CHANNEL = "EMAIL"


def notify_failed(schedule: Any, run: Any, attempt: int, status: str, error: str | None) -> None:
    """Notify of a run that has failed finally, in the caller's transaction."""
    verb = "timed out" if status == RunStatus.TIMED_OUT else "failed"
    reason = error or "the reason is not known"
    content = f'The run of the schedule "{schedule.name}" for {iso(run.scheduled_for)} {verb}: {reason}'
    _notify(schedule, derived_id(run.run_id, attempt, "failed", at=run.scheduled_for), verb, content)


def notify_missed(schedule: Any, missed: MissedSlots) -> None:
    """Notify of missed slots, once for all of them."""
    last = iso(missed.last)
    range_of = f"from {iso(missed.first)} to {last}" if missed.count > 1 else f"of {last}"
    runs = f"{missed.count} runs" if missed.count > 1 else "the run"
    content = f'The schedule "{schedule.name}" has missed {runs} {range_of}, because no clock process was running.'
    _notify(schedule, derived_id(schedule.id, last, "missed", at=missed.last), "missed runs", content)


def _notify(schedule: Any, event_id: UUID, verb: str, content: str) -> None:
    recipient = _recipient(schedule)
    if recipient is None:
        return
    user_id, channel = recipient
    event = NotificationSend(id=event_id, about_user=user_id, channel=channel, notification_type="ERROR")
    # A subject must be a single line, but a schedule's name may contain line breaks.
    subject = " ".join(f"Schedule {schedule.name} {verb}".split())
    outbox.emit(event, secret_data={"subject": subject[:200], "content": content[:4000]}, event_id=event_id)


def _recipient(schedule: Any) -> tuple[UUID, str] | None:
    """The recipient and the channel; None without `onFailure`.

    The notification belongs to a transaction that also concerns other schedules, so a stored value that cannot be used
    must not fail it.
    """
    if not schedule.on_failure:
        return None
    try:
        return UUID(schedule.on_failure["user_id"]), str(schedule.on_failure.get("channel", DEFAULT_CHANNEL))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        extra = {"schedule_id": str(schedule.id), "error": repr(error)[:300]}
        log.error("the recipient in onFailure is not valid; no notification is sent", extra=extra)
        return None
