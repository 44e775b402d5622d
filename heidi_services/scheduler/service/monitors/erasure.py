"""Monitors of a user who is erased, and the conditions by which a user's monitors are selected."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_services.scheduler.enums import MonitorStatus
from heidi_services.scheduler.models import Monitor, MonitorPing

_UNSYNCED = {"synchronize_session": False}


def is_own(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user has created the monitor."""
    return Monitor.created_by == user_id


def is_own_ping(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a ping belongs to a monitor that a user has created."""
    return MonitorPing.monitor_id.in_(select(Monitor.id).where(is_own(user_id)))


def is_recipient(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user is notified of the monitor's changes."""
    condition: ColumnElement[bool] = Monitor.recipients.contains([{"user_id": str(user_id)}])
    return condition


def is_warned(user_id: UUID) -> ColumnElement[bool]:
    """The condition that a user is notified of another user's monitor, and may not see what else it says."""
    return is_recipient(user_id) & ~is_own(user_id)


def erase_monitors(user_id: UUID) -> None:
    """Erase the texts of a user's monitors, and remove the user from the recipients of others.

    A monitor of the user keeps its times and its ID, but is paused: without recipients it could not warn anyone.
    """
    pings = update(MonitorPing).where(is_own_ping(user_id)).values(body=None, user_agent=None)
    db.session.execute(pings.execution_options(**_UNSYNCED))
    _remove_recipient(user_id)
    statement = update(Monitor).where(is_own(user_id)).values(_blank()).returning(Monitor.id)
    for monitor_id in db.session.scalars(statement.execution_options(**_UNSYNCED)).all():
        record("monitor_erased", target=monitor_id)


def _blank() -> dict[str, object]:
    paused = {"status": MonitorStatus.PAUSED.value, "manual_resume": True, "due_at": None, "expected_at": None}
    ended = {"started_at": None, "started_run": None, "updated_at": func.now(), "version": Monitor.version + 1}
    return {"name": "erased", "description": None, "recipients": [], **paused, **ended}


def _remove_recipient(user_id: UUID) -> None:
    for monitor in db.session.scalars(select(Monitor).where(is_recipient(user_id)).with_for_update()):
        monitor.recipients = [item for item in monitor.recipients if item.get("user_id") != str(user_id)]
    db.session.flush()
