"""Dispatch the slots that are due: in any number of clock processes, without a leader.

The time is the database's. One transaction locks due schedules that no other clock has locked, inserts a run for every
slot that has come, emits `schedule.execute` for those that are to run, and sets each schedule's next run. A clock that
is killed leaves all or nothing, and the unique key of the runs rejects a slot that another clock has dispatched.
"""

import logging
import time

from sqlalchemy import ColumnElement, Interval, func, literal, select, text
from sqlalchemy.exc import DBAPIError

from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_services.scheduler.misfire import ON_TIME
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.clock_guard import clock_guard
from heidi_services.scheduler.service.dispatch_planning import DueSchedule, Plans, plan_batch, rows_of
from heidi_services.scheduler.service.failure_notifications import notify_missed
from heidi_services.scheduler.service.next_runs import store_next_runs
from heidi_services.scheduler.service.runs.run_storage import insert_runs

log = logging.getLogger(__name__)

INITIAL_BATCH_SIZE, MAX_BATCH_SIZE = 50, 500
"""Schedules in one transaction. The size doubles after each batch, and shrinks when a batch was too slow for
IDLE_TIMEOUT: on a machine without free CPU time, large batches would be rolled back again and again."""

LATE_BATCH_SIZE = 20
"""Schedules that catch up in one transaction. Those that are on time are dispatched before each such batch."""

MAX_SECONDS = 1.0
"""`dispatch_due` returns to its caller after this time, even if more is due: the clock has other tasks, too."""

IDLE_TIMEOUT = text("SET LOCAL idle_in_transaction_session_timeout = '1s'")
"""A clock that is stopped or cut off from the database must not keep its row locks."""

IS_ON_TIME = Schedule.next_run >= func.now() - literal(ON_TIME, Interval)

COLUMNS = (
    *(Schedule.kind, Schedule.at, Schedule.every, Schedule.anchor_at),
    *(Schedule.excluded_dates, Schedule.holiday_calendars, Schedule.alert_recipients),
    *(Schedule.id, Schedule.name, Schedule.cron_expression, Schedule.timezone, Schedule.next_run, Schedule.end_at),
    *(Schedule.misfire_policy, Schedule.misfire_window_seconds, Schedule.overlap_policy, Schedule.jitter_seconds),
    *(Schedule.concurrency_limit, Schedule.concurrency_key, Schedule.concurrency_policy, Schedule.on_failure),
)


def dispatch_due() -> None:
    """Dispatch until no due schedule is left that is not locked, for about a second at most.

    Nothing is dispatched while the time is in doubt, see `clock_guard`.
    """
    if clock_guard().reason_to_hold() is not None:
        return
    end, size, dispatched, caught_up = time.monotonic() + MAX_SECONDS, INITIAL_BATCH_SIZE, 1, 0
    while dispatched and time.monotonic() < end:
        try:
            dispatched = _dispatch_batch(size, IS_ON_TIME)
            if not dispatched:
                dispatched = _catch_up(min(size, LATE_BATCH_SIZE))
                caught_up += dispatched
        except DBAPIError as error:
            if size == 1 or not error.connection_invalidated:
                raise
            log.warning("a batch of slots exceeded the idle timeout; its size is reduced", extra={"schedules": size})
            size = max(1, size // 8)
        else:
            size = min(MAX_BATCH_SIZE, size * 2)
    if caught_up:
        _log_progress(caught_up)


def _catch_up(size: int) -> int:
    """Dispatch some of the schedules whose slots were missed, those that are behind the most first."""
    return _dispatch_batch(size, ~IS_ON_TIME)


def _log_progress(caught_up: int) -> None:
    """Counting the schedules that are still late costs more than a batch of them, so it is done once in each pass."""
    late = select(func.count()).where(Schedule.is_enabled, Schedule.next_run <= func.now(), ~IS_ON_TIME)
    with reading() as connection:
        remaining = connection.scalar(late)
    log.info("schedules caught up", extra={"schedules": caught_up, "remaining": remaining})


def _dispatch_batch(size: int, condition: ColumnElement[bool]) -> int:
    """Dispatch about `size` schedules in one transaction; return their number."""
    with transaction():
        db.session.execute(IDLE_TIMEOUT)
        due = _lock_due(size, condition)
        if not due:
            return 0
        plans = plan_batch(due)
        insert_runs(rows_of(plans))
        for schedule, slots in plans:
            if slots.missed is not None:
                notify_missed(schedule, slots.missed)
        schedules = {schedule.id: schedule for schedule, _ in plans}
        store_next_runs(schedules, {schedule.id: slots.next_run for schedule, slots in plans})
    _log_missed(plans)
    return len(plans)


def _lock_due(size: int, condition: ColumnElement[bool]) -> list[DueSchedule]:
    statement = (
        select(*COLUMNS, func.now().label("now"))
        .where(Schedule.is_enabled, Schedule.next_run <= func.now(), condition)
        .order_by(Schedule.next_run)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return list(db.session.execute(statement))


def _log_missed(plans: Plans) -> None:
    missed = [slots.missed.count for _, slots in plans if slots.missed is not None]
    if missed:
        catch_up = sum(len(slots.catch_up) for _, slots in plans)
        extra = {"schedules": len(missed), "missed": sum(missed), "catching_up": catch_up}
        log.warning("slots were not dispatched in time", extra=extra)
