"""Notify the recipient in a schedule's `onFailure` of failed and missed runs, through the notification service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from heidi_common.messaging import outbox
from heidi_common.messaging.events import NotificationSend
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.service.derived_ids import derived_id

DEFAULT_CHANNEL = "EMAIL"


def notify_failed(schedule: Any, run: Any, attempt: int, status: str, error: str | None) -> None:
    """Notify of a run that has failed finally, in the caller's transaction."""
    verb = "timed out" if status == RunStatus.TIMED_OUT else "failed"
    reason = error or "the reason is not known"
    content = f'The run of the schedule "{schedule.name}" for {iso(run.scheduled_for)} {verb}: {reason}'
    _notify(schedule, derived_id(run.run_id, attempt, "failed", at=run.scheduled_for), verb, content)


def notify_missed(schedule: Any, slot: datetime) -> None:
    """Notify of missed slots, once for all of them. `slot` is the latest."""
    content = f'The schedule "{schedule.name}" has missed runs. The latest was due at {iso(slot)}.'
    _notify(schedule, derived_id(schedule.id, iso(slot), "missed", at=slot), "missed runs", content)


def _notify(schedule: Any, event_id: UUID, verb: str, content: str) -> None:
    if not schedule.on_failure:
        return
    event = NotificationSend(
        id=event_id,
        about_user=UUID(schedule.on_failure["user_id"]),
        channel=schedule.on_failure.get("channel", DEFAULT_CHANNEL),
        notification_type="ERROR",
    )
    # A subject must be a single line, but a schedule's name may contain line breaks.
    subject = " ".join(f"Schedule {schedule.name} {verb}".split())
    outbox.emit(event, secret_data={"subject": subject[:200], "content": content[:4000]}, event_id=event_id)
