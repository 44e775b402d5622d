"""The rules of a monitor's status: what a ping changes, and what happens if none comes. They need no database.

Source: the behavior of healthchecks.io, which operators know.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from heidi_services.scheduler.cron.intervals import parse_interval
from heidi_services.scheduler.cron.occurrences import next_occurrence
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import load_timezone
from heidi_services.scheduler.enums import ChangeReason, MonitorStatus, PingKind
from heidi_services.scheduler.models import Monitor

StatusChange = tuple[MonitorStatus, ChangeReason]
WATCHED = (MonitorStatus.UP, MonitorStatus.LATE)


def expected_after(monitor: Monitor, at: datetime) -> datetime | None:
    """When the next ping is expected, if the last one came at this time."""
    if monitor.every is not None:
        return at + parse_interval(monitor.every)
    return next_occurrence(parse_cron(monitor.cron_expression or ""), load_timezone(monitor.timezone), at)


def apply_ping(monitor: Monitor, kind: PingKind, run: UUID | None, now: datetime) -> StatusChange | None:
    """Apply a ping to a monitor, and set when the clock looks at it again.

    Args:
        monitor: The monitor. A paused one that is resumed by hand only does not change.
        kind: What the ping says.
        run: The run that it belongs to, if the job names its runs.
        now: The database's time.

    Returns:
        The new status and its reason, or None if the ping does not change it.
    """
    if kind == PingKind.LOG or (monitor.status == MonitorStatus.PAUSED and monitor.manual_resume):
        return None
    if kind == PingKind.START:
        monitor.started_at, monitor.started_run = now, run
        status = MonitorStatus.NEW if monitor.status == MonitorStatus.PAUSED else MonitorStatus(monitor.status)
        return _changed(monitor, status, ChangeReason.PING)
    monitor.last_ping_at, monitor.last_ping_kind = now, kind.value
    _end_run(monitor, kind, run)
    if kind == PingKind.FAIL:
        monitor.expected_at = None
        return _changed(monitor, MonitorStatus.DOWN, ChangeReason.FAILURE)
    monitor.expected_at = expected_after(monitor, now)
    return _changed(monitor, MonitorStatus.UP, ChangeReason.PING)


def _end_run(monitor: Monitor, kind: PingKind, run: UUID | None) -> None:
    """The end of another run leaves the started one waiting, unless it has failed: the monitor is DOWN then anyway."""
    if kind == PingKind.FAIL or run is None or monitor.started_run in (None, run):
        monitor.started_at = monitor.started_run = None


def apply_time(monitor: Monitor, now: datetime) -> StatusChange | None:
    """Change a monitor whose `due_at` has come; None if nothing is due."""
    reason = _missing_ping(monitor, now)
    if reason is not None:
        monitor.started_at = monitor.started_run = None
        return _changed(monitor, MonitorStatus.DOWN, reason)
    is_late = monitor.status == MonitorStatus.UP and _has_passed(monitor.expected_at, now)
    return _changed(monitor, MonitorStatus.LATE if is_late else MonitorStatus(monitor.status), ChangeReason.OVERDUE)


def apply_settings(monitor: Monitor, now: datetime) -> StatusChange | None:
    """Apply a changed period or grace time to a monitor whose last ping was a success."""
    if monitor.status not in (*WATCHED, MonitorStatus.DOWN) or monitor.last_ping_kind != PingKind.SUCCESS:
        schedule_check(monitor)
        return None
    assert monitor.last_ping_at is not None
    monitor.expected_at = expected_after(monitor, monitor.last_ping_at)
    if monitor.status == MonitorStatus.DOWN and _missing_ping(monitor, now) is not None:
        return None
    is_late = _has_passed(monitor.expected_at, now)
    status = MonitorStatus.LATE if is_late else MonitorStatus.UP
    return _changed(monitor, status, ChangeReason.SETTINGS)


def pause(monitor: Monitor) -> StatusChange | None:
    """Stop watching."""
    monitor.started_at = monitor.started_run = monitor.expected_at = None
    return _changed(monitor, MonitorStatus.PAUSED, ChangeReason.PAUSED)


def resume(monitor: Monitor) -> StatusChange | None:
    """Watch a paused monitor again, from its next ping on."""
    if monitor.status != MonitorStatus.PAUSED:
        return None
    return _changed(monitor, MonitorStatus.NEW, ChangeReason.RESUMED)


def schedule_check(monitor: Monitor) -> None:
    """Set when the clock looks at the monitor: at its next change of status that needs no ping."""
    deadlines = [start + timedelta(seconds=monitor.grace_seconds) for start in _waiting_since(monitor)]
    if monitor.status == MonitorStatus.UP and monitor.expected_at is not None:
        deadlines.append(monitor.expected_at)
    monitor.due_at = min(deadlines, default=None)


def _waiting_since(monitor: Monitor) -> list[datetime]:
    """The starts of the grace times that run or will run."""
    if monitor.status in (MonitorStatus.DOWN, MonitorStatus.PAUSED):
        return []
    return [at for at in (monitor.expected_at, monitor.started_at) if at is not None]


def _missing_ping(monitor: Monitor, now: datetime) -> ChangeReason | None:
    """Why the job counts as failed at this time; None if it does not."""
    grace = timedelta(seconds=monitor.grace_seconds)
    if monitor.expected_at is not None and monitor.expected_at + grace <= now:
        return ChangeReason.OVERDUE
    if monitor.started_at is not None and monitor.started_at + grace <= now:
        return ChangeReason.UNFINISHED
    return None


def _has_passed(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _changed(monitor: Monitor, status: MonitorStatus, reason: ChangeReason) -> StatusChange | None:
    previous, monitor.status = monitor.status, status.value
    schedule_check(monitor)
    return None if previous == status else (status, reason)
