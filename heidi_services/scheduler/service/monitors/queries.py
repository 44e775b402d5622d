"""Read monitors, their pings and their changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.problems import NotFound
from heidi_services.scheduler.models import Monitor, MonitorPing, MonitorTransition


def get_monitor(monitor_id: UUID) -> Monitor:
    """Load a monitor.

    Raises:
        NotFound: No monitor has this ID.
    """
    return _load(monitor_id, for_update=False)


def lock_monitor(monitor_id: UUID) -> Monitor:
    """Load a monitor and lock its row, so that pings, the clock and edits happen one after the other."""
    return _load(monitor_id, for_update=True)


def _load(monitor_id: UUID, *, for_update: bool) -> Monitor:
    monitor = db.session.get(Monitor, monitor_id, populate_existing=True, with_for_update=for_update or None)
    if monitor is None:
        raise NotFound("Monitor not found.")
    return monitor


def find_monitors(*, status: str | None = None, **paging: Any) -> Page:
    """List monitors, newest first, by default with every status."""
    filters = [] if status is None else [Monitor.status == status]
    order, tiebreak = Monitor.created_at, Monitor.id
    return page(select(Monitor), order=order, descending=True, tiebreak=tiebreak, filters=filters, **paging)


def find_pings(monitor_id: UUID, *, kind: str | None = None, **paging: Any) -> Page:
    """List the pings of a monitor, newest first."""
    get_monitor(monitor_id)
    statement = select(MonitorPing).where(MonitorPing.monitor_id == monitor_id)
    filters = [] if kind is None else [MonitorPing.kind == kind]
    order = MonitorPing.number
    return page(statement, order=order, descending=True, tiebreak=MonitorPing.id, filters=filters, **paging)


def get_ping(monitor_id: UUID, ping_id: UUID) -> MonitorPing:
    """Load a ping.

    Raises:
        NotFound: The monitor has no ping with this ID, or it was deleted after the retention period.
    """
    ping = db.session.get(MonitorPing, ping_id)
    if ping is None or ping.monitor_id != monitor_id:
        raise NotFound("Ping not found.")
    return ping


def find_changes(monitor_id: UUID, **paging: Any) -> Page:
    """List the changes of a monitor's status, newest first."""
    get_monitor(monitor_id)
    statement = select(MonitorTransition).where(MonitorTransition.monitor_id == monitor_id)
    return page(statement, order=MonitorTransition.changed_at, descending=True, tiebreak=MonitorTransition.id, **paging)


def find_by_badge(badge_key: UUID) -> Monitor:
    """Load the monitor of a badge.

    Raises:
        NotFound: No monitor has this key.
    """
    monitor = db.session.scalars(select(Monitor).where(Monitor.badge_key == badge_key)).one_or_none()
    if monitor is None:
        raise NotFound("No monitor has this badge.")
    return monitor
