"""Store a change of a monitor's status, announce it as an event, and notify the recipients of the monitor."""

from __future__ import annotations

from datetime import datetime

from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.messaging import outbox
from heidi_common.messaging.events import Event, MonitorDown, MonitorUp
from heidi_common.messaging.outbox_batches import Emission
from heidi_common.schemas.fields import iso
from heidi_services.scheduler.enums import ChangeReason, MonitorStatus
from heidi_services.scheduler.models import Monitor, MonitorTransition
from heidi_services.scheduler.service.derived_ids import derived_id
from heidi_services.scheduler.service.failure_notifications import alert_emissions, usable_recipients
from heidi_services.scheduler.service.monitors.states import StatusChange

REASONS = {
    ChangeReason.OVERDUE: "no ping came within the grace time",
    ChangeReason.UNFINISHED: "it has started, but did not report its end within the grace time",
    ChangeReason.FAILURE: "it has reported a failure",
}


def store_change(monitor: Monitor, previous: str, change: StatusChange | None, now: datetime) -> None:
    """Store a change in the caller's transaction, which has locked the monitor.

    Args:
        monitor: The monitor, with its new status.
        previous: The status before.
        change: The change; None if there is none.
        now: The database's time.
    """
    if change is None:
        return
    status, reason = change
    row = MonitorTransition(
        id=uuid7(), monitor_id=monitor.id, changed_at=now, status=status, previous_status=previous, reason=reason
    )
    monitor.status_changed_at = now
    db.session.add(row)
    emissions = _emissions(monitor, row, now)
    if emissions:
        outbox.emit_many(emissions)


def _emissions(monitor: Monitor, change: MonitorTransition, now: datetime) -> list[Emission]:
    """The event and the notifications of a job that has failed, or runs again. Other changes have none."""
    if change.status == MonitorStatus.DOWN:
        verb, kind = "is down", "ERROR"
        reason = REASONS.get(ChangeReason(change.reason), "it has failed")
        content = (
            f'The job "{monitor.name}" has been down since {iso(now)}: {reason}. Last ping: {_last_ping(monitor)}.'
        )
        event: Event = MonitorDown(id=monitor.id, reason=change.reason)
    elif change.previous_status == MonitorStatus.DOWN and change.status in (MonitorStatus.UP, MonitorStatus.LATE):
        verb, kind = "is up again", "SUCCESS"
        content = f'The job "{monitor.name}" has been up again since {iso(now)}.'
        event = MonitorUp(id=monitor.id)
    else:
        return []
    recipients = usable_recipients(monitor.id, monitor.recipients)
    alert_id, subject = derived_id(change.id, "notified", at=now), f"Monitor {monitor.name} {verb}"
    announcement: Emission = (event, None, derived_id(change.id, "announced", at=now))
    return [announcement, *alert_emissions(recipients, alert_id, subject, content, kind)]


def _last_ping(monitor: Monitor) -> str:
    return iso(monitor.last_ping_at) if monitor.last_ping_at else "none"
