"""Telling the owner, through the notification service, what went wrong."""

from datetime import datetime
from typing import Any
from uuid import UUID

from heidi_common.messaging import outbox
from heidi_common.messaging.events import NotificationSend
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.actions import derived_id

CHANNEL = "EMAIL"


def tell_failed(schedule: Any, run: Any, status: str, error: str | None) -> None:
    """A run has failed for good."""
    verb = "ran out of time" if status == "TIMED_OUT" else "failed"
    content = f'The run of "{schedule.name}" for {iso(run.scheduled_for)} {verb}: {error or "no reason is known"}'
    _tell(schedule, derived_id(run.id, run.attempts, "failed", at=run.scheduled_for), verb, content)


def tell_missed(schedule: Any, slot: datetime) -> None:
    """Slots have passed while nobody fired them; said once for all of them."""
    content = f'"{schedule.name}" has missed runs; the latest was due at {iso(slot)}.'
    _tell(schedule, derived_id(schedule.id, iso(slot), "missed", at=slot), "missed runs", content)


def _tell(schedule: Any, event_id: UUID, verb: str, content: str) -> None:
    if not schedule.on_failure:
        return
    fact = NotificationSend(
        id=event_id,
        about_user=UUID(schedule.on_failure["user_id"]),
        channel=schedule.on_failure.get("channel", CHANNEL),
        notification_type="ERROR",
    )
    # A subject is one line; a name may hold any text.
    subject = " ".join(f"Schedule {schedule.name} {verb}".split())
    outbox.emit(fact, secret_data={"subject": subject[:200], "content": content[:4000]}, event_id=event_id)
