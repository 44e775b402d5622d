"""Create, change, pause, resume and delete monitors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Invalid
from heidi_services.scheduler.cron.intervals import IntervalError, parse_interval
from heidi_services.scheduler.enums import MonitorStatus
from heidi_services.scheduler.models import Monitor
from heidi_services.scheduler.service.failure_notifications import DEFAULT_CHANNEL
from heidi_services.scheduler.service.monitors import states
from heidi_services.scheduler.service.monitors.queries import lock_monitor
from heidi_services.scheduler.service.monitors.status_changes import store_change
from heidi_services.scheduler.service.queries import database_now
from heidi_services.scheduler.service.validation import parse_cron_and_timezone

TIMING_FIELDS = frozenset({"every", "cron_expression", "timezone", "grace_seconds"})
Change = Callable[[Monitor, datetime], states.StatusChange | None]
"""Changes a monitor at a time of the database; returns what has changed."""
EXACTLY_ONE = "Specify either `every` or `cronExpression`."


def create_monitor(values: dict[str, Any], caller: Caller) -> Monitor:
    """Store a new monitor. Without `recipients`, the user who creates it is notified by e-mail.

    Raises:
        Invalid: Its times cannot be computed; names the wrong field.
    """
    values = {"every": None, "cron_expression": None} | values
    if values.get("recipients") is None:
        own = {"user_id": str(caller.id), "channel": DEFAULT_CHANNEL}
        values["recipients"] = [own] if caller.kind == "user" else []
    with transaction():
        now = database_now()
        monitor = Monitor(**values, status=MonitorStatus.NEW.value, status_changed_at=now, created_by=caller.id)
        monitor.ping_key, monitor.badge_key, monitor.ping_count = uuid4(), uuid4(), 0
        _validate_timing(monitor, now)
        db.session.add(monitor)
        db.session.flush()
        record("monitor_created", actor=caller.id, target=monitor.id)
    return monitor


def update_monitor(monitor_id: UUID, values: dict[str, Any], *, version: int | None, requested_by: UUID) -> Monitor:
    """Change fields of a monitor. New times apply from its last ping on.

    Args:
        monitor_id: The monitor to change.
        values: The new values by attribute. One of the two kinds of times takes the place of the other.
        version: The version in `If-Match`; None accepts any.
        requested_by: The user or machine client, for the audit trail.

    Raises:
        NotFound: No monitor has this ID.
        PreconditionFailed: The monitor has another version.
        Invalid: Its times cannot be computed; names the wrong field.
    """
    with transaction():
        monitor = lock_monitor(monitor_id)
        expect_version(monitor, version)
        values = _with_one_kind(values)
        changed = {name for name, value in values.items() if getattr(monitor, name) != value}
        for name in changed:
            setattr(monitor, name, values[name])
        if changed & TIMING_FIELDS:
            _validate_timing(monitor, database_now())
            _apply(monitor, states.apply_settings)
        if changed:
            record("monitor_updated", actor=requested_by, target=monitor.id, detail={"changed": sorted(changed)})
    return monitor


def _with_one_kind(values: dict[str, Any]) -> dict[str, Any]:
    """Replace the other kind of times if only one of them is given."""
    for given, other in (("every", "cron_expression"), ("cron_expression", "every")):
        if values.get(given) is not None and values.get(other) is None:
            return values | {other: None}
    return values


def delete_monitor(monitor_id: UUID, *, version: int | None, requested_by: UUID) -> None:
    """Delete a monitor, its pings and its changes. Its ping URL is a 404 from then on."""
    with transaction():
        monitor = lock_monitor(monitor_id)
        expect_version(monitor, version)
        db.session.delete(monitor)
        record("monitor_deleted", actor=requested_by, target=monitor_id)


def pause_monitor(monitor_id: UUID, *, requested_by: UUID) -> Monitor:
    """Stop watching a job, until its next ping or `resume_monitor`."""
    return _switch(monitor_id, lambda monitor, _now: states.pause(monitor), "monitor_paused", requested_by)


def resume_monitor(monitor_id: UUID, *, requested_by: UUID) -> Monitor:
    """Watch a paused job again, from its next ping on."""
    return _switch(monitor_id, lambda monitor, _now: states.resume(monitor), "monitor_resumed", requested_by)


def rotate_key(monitor_id: UUID, *, requested_by: UUID) -> Monitor:
    """Replace the ping key. The old ping URL is a 404 from then on."""
    with transaction():
        monitor = lock_monitor(monitor_id)
        monitor.ping_key = uuid4()
        record("monitor_key_rotated", actor=requested_by, target=monitor_id)
    return monitor


def _switch(monitor_id: UUID, change: Change, action: str, requested_by: UUID) -> Monitor:
    with transaction():
        monitor = lock_monitor(monitor_id)
        if _apply(monitor, change):
            record(action, actor=requested_by, target=monitor_id)
    return monitor


def _apply(monitor: Monitor, change: Change) -> bool:
    previous, now = monitor.status, database_now()
    new = change(monitor, now)
    store_change(monitor, previous, new, now)
    return new is not None


def _validate_timing(monitor: Monitor, now: datetime) -> None:
    if (monitor.every is None) == (monitor.cron_expression is None):
        raise Invalid.field("every", EXACTLY_ONE)
    if monitor.every is None:
        parse_cron_and_timezone(monitor.cron_expression or "", monitor.timezone, now)
        return
    parse_cron_and_timezone("* * * * *", monitor.timezone, now)  # the time zone must exist anyway
    try:
        parse_interval(monitor.every)
    except IntervalError as error:
        raise Invalid.field("every", str(error)) from None
