"""Notify the recipient in a schedule's `onFailure` of failed and missed runs, through the notification service."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from heidi_common.messaging import outbox
from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.outbox_batches import Emission
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.misfire import MissedSlots
from heidi_services.scheduler.service.derived_ids import derived_id

log = logging.getLogger(__name__)
DEFAULT_CHANNEL = "EMAIL"
Recipient = tuple[UUID, str]
"""A user and a channel."""


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


def recovery_notifications(schedule: Any, run: Any) -> list[Emission]:
    """The notifications of the first success after a failure, to be emitted with the end of the run.

    Args:
        schedule: The schedule, or its row.
        run: Has `run_id`, `reruns` and `scheduled_for`.
    """
    content = f'The schedule "{schedule.name}" has succeeded again with the run for {iso(run.scheduled_for)}.'
    event_id = derived_id(run.run_id, run.reruns, "recovered", at=run.scheduled_for)
    return _emissions(schedule, event_id, "recovered", content, "SUCCESS")


def _notify(schedule: Any, event_id: UUID, verb: str, content: str) -> None:
    outbox.emit_many(_emissions(schedule, event_id, verb, content, "ERROR"))


def _emissions(schedule: Any, event_id: UUID, verb: str, content: str, kind: str) -> list[Emission]:
    return alert_emissions(_recipients(schedule), event_id, f"Schedule {schedule.name} {verb}", content, kind)


def alert_emissions(
    recipients: Iterable[Recipient], event_id: UUID, subject: str, content: str, kind: str
) -> list[Emission]:
    """The notifications of an alert to its recipients.

    Args:
        recipients: As `usable_recipients` returns them.
        event_id: A derived ID of the alert, from which those of the notifications follow.
        subject: Contains a name, which may have line breaks; a subject must be a single line.
        content: The text.
        kind: The type of the notifications.
    """
    secret_data = {"subject": " ".join(subject.split())[:200], "content": content[:4000]}
    emissions: list[Emission] = []
    for number, (user_id, channel) in enumerate(recipients):
        own_id = derived_id(event_id, number, at=_time_of(event_id)) if number else event_id
        event = NotificationSend(id=own_id, about_user=user_id, channel=channel, notification_type=kind)
        emissions.append((event, secret_data, own_id))
    return emissions


def _time_of(event_id: UUID) -> datetime:
    return datetime.fromtimestamp((event_id.int >> 80) / 1000, UTC)


def _recipients(schedule: Any) -> list[Recipient]:
    """The recipients, each once, with their channels.

    The notification belongs to a transaction that also concerns other schedules, so a stored value that cannot be used
    must not fail it.
    """
    stored = [schedule.on_failure] if schedule.on_failure else []
    if isinstance(schedule.alert_recipients, list):
        stored += schedule.alert_recipients
    return usable_recipients(schedule.id, stored)


def usable_recipients(owner_id: UUID, stored: Iterable[Any]) -> list[Recipient]:
    """Read stored recipients, each once; what cannot be used is logged.

    Args:
        owner_id: The schedule or monitor, for the log.
        stored: The objects of the API: `user_id`, and `channel` unless it is the default.
    """
    recipients = [recipient for item in stored if (recipient := _recipient(owner_id, item)) is not None]
    return list(dict.fromkeys(recipients))


def _recipient(owner_id: UUID, stored: Any) -> Recipient | None:
    try:
        return UUID(stored["user_id"]), str(stored.get("channel", DEFAULT_CHANNEL))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        extra = {"owner_id": str(owner_id), "error": repr(error)[:300]}
        log.error("a recipient of alerts is not valid and gets no notification", extra=extra)
        return None
