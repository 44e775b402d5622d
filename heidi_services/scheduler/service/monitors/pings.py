"""Record a ping of a job that runs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from uuid_utils.compat import uuid7

from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import NotFound
from heidi_services.scheduler.enums import PingKind
from heidi_services.scheduler.models import Monitor, MonitorPing
from heidi_services.scheduler.service.monitors.states import apply_ping
from heidi_services.scheduler.service.monitors.status_changes import store_change

MAX_BODY_BYTES = 100_000
"""Of a longer body the end is cut off: a job must not count as failed because its log is long."""
KEPT_PINGS = 1000
"""Of each monitor. Older ones are deleted, and all after the retention period of runs."""
TIDY_EVERY = 100


@dataclass(frozen=True)
class Ping:
    """What a job has sent.

    Attributes:
        kind: What it says.
        method: The HTTP method.
        exit_status: The exit status of the job, 0 to 255, if it has sent one.
        run: The run that the ping belongs to, if the job names its runs.
        user_agent: The header, if there was one.
        body: The start of the body, at most one byte more than MAX_BODY_BYTES.
    """

    kind: PingKind
    method: str
    exit_status: int | None = None
    run: UUID | None = None
    user_agent: str | None = None
    body: bytes = b""


def record_ping(ping_key: UUID, ping: Ping) -> None:
    """Record a ping and apply it to its monitor. Concurrent pings are applied one after the other.

    Raises:
        NotFound: No monitor has this key.
    """
    with transaction():
        monitor = _lock(ping_key)
        # The time after the lock was granted: of two pings, the second must not have the earlier time.
        now: datetime = db.session.scalars(select(func.clock_timestamp())).one()
        monitor.ping_count += 1
        duration = _duration_ms(monitor, ping, now)
        db.session.add(_row(monitor, ping, now, duration))
        if duration is not None:
            monitor.last_duration_ms = duration
        previous = monitor.status
        store_change(monitor, previous, apply_ping(monitor, ping.kind, ping.run, now), now)
        if monitor.ping_count % TIDY_EVERY == 0:
            _delete_old(monitor)


def _lock(ping_key: UUID) -> Monitor:
    statement = select(Monitor).where(Monitor.ping_key == ping_key).with_for_update()
    monitor = db.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if monitor is None:
        raise NotFound("No monitor has this ping URL.")
    return monitor


def _duration_ms(monitor: Monitor, ping: Ping, now: datetime) -> int | None:
    """How long the run took that has ended, if its start was reported. Runs with names may overlap."""
    if ping.kind not in (PingKind.SUCCESS, PingKind.FAIL):
        return None
    started_at = monitor.started_at
    if ping.run is not None:
        starts = select(func.max(MonitorPing.received_at)).where(
            MonitorPing.monitor_id == monitor.id, MonitorPing.kind == PingKind.START, MonitorPing.run == ping.run
        )
        started_at = db.session.scalar(starts)
    return None if started_at is None else round((now - started_at).total_seconds() * 1000)


def _row(monitor: Monitor, ping: Ping, now: datetime, duration: int | None) -> MonitorPing:
    text = storable_text(ping.body[:MAX_BODY_BYTES].decode("utf-8", "replace"))
    return MonitorPing(
        id=uuid7(),
        monitor_id=monitor.id,
        number=monitor.ping_count,
        received_at=now,
        kind=ping.kind.value,
        exit_status=ping.exit_status,
        run=ping.run,
        duration_ms=duration,
        method=ping.method,
        user_agent=storable_text(ping.user_agent[:200]) if ping.user_agent else None,
        body=text or None,
        is_truncated=len(ping.body) > MAX_BODY_BYTES,
    )


def _delete_old(monitor: Monitor) -> None:
    db.session.flush()
    old = (MonitorPing.monitor_id == monitor.id) & (MonitorPing.number <= monitor.ping_count - KEPT_PINGS)
    db.session.execute(delete(MonitorPing).where(old).execution_options(synchronize_session=False))
