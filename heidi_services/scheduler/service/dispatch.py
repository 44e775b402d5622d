"""Firing what is due: in any number of clocks at once, by the database's clock, without a leader.

One transaction takes due schedules that no other clock holds, makes a row for every slot that has come, says
`schedule.execute` for those that shall run, and sets the next slot. Killed at any instant it has done all or
nothing, and the unique key of the runs refuses what a second clock might do again.
"""

import logging
import time
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.exc import DBAPIError

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler import cron
from heidi_services.scheduler.enums import Status, Trigger
from heidi_services.scheduler.misfire import Plan, plan
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.failure_notifications import tell_missed
from heidi_services.scheduler.service.run_creation import Admission, count_open, store

log = logging.getLogger(__name__)

SLOW_START, MOST = 50, 500
"""Slots in one transaction: begins small and doubles, shrinks when the database has lost its patience. On a machine
that is starved of time a large batch would be thrown away again and again."""

THINKING_TIME = 0.3
"""Seconds of computing in one transaction, well within the database's patience below."""

ROUND_TIME = 5.0
"""Seconds until the caller has its turn again, however much is due."""

MISSED = "Nobody was there to run it in time."

# A stopped or cut-off clock must not keep the rows that it holds.
PATIENCE = text("SET LOCAL idle_in_transaction_session_timeout = '1s'")

NEXT = text(
    "UPDATE schedules SET next_run = upcoming.next_run, version = version + 1"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:nexts AS timestamptz[])) AS upcoming (id, next_run)"
    " WHERE schedules.id = upcoming.id"
)

NEEDED = (
    *(Schedule.id, Schedule.name, Schedule.cron_expression, Schedule.timezone, Schedule.next_run, Schedule.end_at),
    *(Schedule.misfire_policy, Schedule.misfire_window_seconds, Schedule.overlap_policy, Schedule.jitter_seconds),
    Schedule.on_failure,
)

Due = Row[Any]


def fire() -> None:
    """Fire until nothing is due that is free to take."""
    end, size, dealt_with = time.monotonic() + ROUND_TIME, SLOW_START, 1
    while dealt_with and time.monotonic() < end:
        try:
            dealt_with = _fire_batch(size)
        except DBAPIError as error:
            if size == 1 or not error.connection_invalidated:
                raise
            log.warning("firing was too slow for the database's patience", extra={"slots": size})
            size = max(1, size // 8)
        else:
            size = min(MOST, size * 2)


def _fire_batch(size: int) -> int:
    """One transaction of about so many slots; returns how many schedules it has dealt with."""
    with transaction():
        db.session.execute(PATIENCE)
        due = _take_due(size)
        if not due:
            return 0
        plans = _make_plans(due, size)
        rows = _rows(plans)
        store(rows)
        for schedule, found in plans:
            if found.missed and found.is_caught_up(schedule.now):
                tell_missed(schedule, found.missed[-1])
        _set_next({schedule.id: found.next_run for schedule, found in plans})
    return len(plans)


def _take_due(size: int) -> list[Due]:
    statement = (
        select(*NEEDED, func.now().label("now"))
        .where(Schedule.is_enabled, Schedule.next_run <= func.now())
        .order_by(Schedule.next_run)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return list(db.session.execute(statement))


def _make_plans(due: list[Due], size: int) -> list[tuple[Due, Plan]]:
    """As many as fit into the time and the size, one at least; the others stay due."""
    end = time.monotonic() + THINKING_TIME
    plans: list[tuple[Due, Plan]] = []
    slots = 0
    for schedule in due:
        if plans and (slots >= size or time.monotonic() > end):
            break
        plans.append((schedule, _plan(schedule)))
        slots += plans[-1][1].count
    return plans


def _plan(schedule: Due) -> Plan:
    try:
        return plan(schedule, schedule.next_run, schedule.now)
    except (cron.CronError, cron.ZoneError) as error:
        # Accepted once, unknown now: a zone that the time zone database has dropped. It must not stop the others.
        log.error("schedule cannot be timed", extra={"schedule_id": str(schedule.id), "error": str(error)})
        return Plan([], [schedule.next_run], None)


def _rows(plans: list[tuple[Due, Plan]]) -> list[dict[str, Any]]:
    open_runs = count_open([schedule.id for schedule, _ in plans])
    rows = []
    for schedule, found in plans:
        queue = len(found.to_run) > 1
        admission = Admission(schedule, Trigger.CRON, schedule.now, open_runs.get(schedule.id, 0), queue)
        rows += [admission.settled(slot, Status.MISSED, MISSED) for slot in found.missed]
        rows += [admission.admit(slot) for slot in found.to_run]
    return rows


def _set_next(upcoming: dict[Any, datetime | None]) -> None:
    db.session.execute(NEXT, {"ids": [str(key) for key in upcoming], "nexts": list(upcoming.values())})
