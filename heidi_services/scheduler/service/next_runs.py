"""The next run of a schedule: store it, and compute it again after an update of the time zone rules."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import or_, select, text

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.schemas.timezones import RULES_VERSION
from heidi_services.scheduler.cron.occurrences import MICROSECOND
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import TimezoneError, load_timezone, wall_clock_at
from heidi_services.scheduler.enums import ScheduleKind
from heidi_services.scheduler.misfire import slots_from
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.queries import database_now

log = logging.getLogger(__name__)

BATCH_SIZE = 200
LARGEST_OFFSET = timedelta(hours=26)
"""Two time zones, or two versions of the rules of one, never differ by more than this."""

SET_NEXT_RUNS = text(
    "UPDATE schedules SET next_run = upcoming.next_run, next_wall_clock = upcoming.wall_clock,"
    " rules_version = :rules_version, version = version + 1"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:nexts AS timestamptz[]), CAST(:wall_clocks AS timestamp[]))"
    " AS upcoming (id, next_run, wall_clock) WHERE schedules.id = upcoming.id"
)
UNCOMPUTABLE = (ValueError, LookupError, ArithmeticError)
"""What the computation raises for an expression or zone that was valid when it was stored."""


def set_next_run(schedule: Schedule, at: datetime | None) -> None:
    """Set the next run of a loaded schedule."""
    schedule.next_run = at
    schedule.next_wall_clock = _wall_clock(schedule, at)
    schedule.rules_version = RULES_VERSION


def store_next_runs(schedules: Mapping[UUID, Any], next_runs: Mapping[UUID, datetime | None]) -> None:
    """Store the next runs of many schedules, in the caller's transaction, which has locked their rows.

    Args:
        schedules: The schedules, or their rows, by ID.
        next_runs: The new next run of each.
    """
    wall_clocks = [_wall_clock(schedules[schedule_id], at) for schedule_id, at in next_runs.items()]
    parameters = {"ids": list(map(str, next_runs)), "nexts": list(next_runs.values()), "wall_clocks": wall_clocks}
    db.session.execute(SET_NEXT_RUNS, parameters | {"rules_version": RULES_VERSION})


def _wall_clock(schedule: Any, at: datetime | None) -> datetime | None:
    try:
        return None if at is None else wall_clock_at(load_timezone(schedule.timezone), at)
    except TimezoneError:  # a zone that the database has dropped
        return None


def apply_rules() -> None:
    """Compute the next runs again that were computed with an earlier release of the time zone rules.

    A schedule at a fixed time keeps what the clocks show, so it neither repeats nor loses an occurrence. Its instant
    may have passed already: then it is due now. A schedule that follows elapsed time continues with its first
    occurrence from now on, or from the oldest one that is due.
    """
    total = changed = 0
    while schedules := _batch():
        total += len(schedules)
        changed += sum(after != before for before, after in schedules)
    if total:
        extra = {"schedules": total, "changed": changed, "rules": RULES_VERSION}
        log.info("next runs computed again with the current time zone rules", extra=extra)


def _batch() -> list[tuple[datetime | None, datetime | None]]:
    """Compute a batch again; return the next runs before and after."""
    outdated = or_(Schedule.rules_version.is_(None), Schedule.rules_version.collate("C") < RULES_VERSION)
    statement = (
        select(Schedule)
        .where(Schedule.next_run.is_not(None), outdated)
        .order_by(Schedule.id)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
    )
    with transaction():
        schedules = list(db.session.scalars(statement))
        now = database_now()
        changes = [(schedule.next_run, _next_run(schedule, now)) for schedule in schedules]
        for schedule, (_, at) in zip(schedules, changes, strict=True):
            set_next_run(schedule, at)
    return changes


def _next_run(schedule: Schedule, now: datetime) -> datetime | None:
    try:
        return equivalent_slot(schedule, now)
    except UNCOMPUTABLE as error:
        extra = {"schedule_id": str(schedule.id), "error": repr(error)[:300]}
        log.error("the next run of a schedule cannot be computed; it is kept", extra=extra)
        return schedule.next_run


def equivalent_slot(schedule: Any, now: datetime) -> datetime | None:
    """Find the slot that takes the place of `next_run` under the current rules.

    Args:
        schedule: The schedule, or its row, with `next_run` and what the clocks showed then.
        now: The database's time.
    """
    if schedule.kind != ScheduleKind.CRON:
        return cast("datetime | None", schedule.next_run)  # an instant, which no rules change
    if parse_cron(schedule.cron_expression).is_wildcard:
        earliest = schedule.next_run if schedule.next_run <= now else now + MICROSECOND
        return next(slots_from(schedule, _not_before_start(schedule, earliest)), None)
    if schedule.next_wall_clock is None:
        return _nearest_slot(schedule)
    zone = load_timezone(schedule.timezone)
    slots = slots_from(schedule, _not_before_start(schedule, schedule.next_run - LARGEST_OFFSET))
    return next((at for at in slots if at.astimezone(zone).replace(tzinfo=None) >= schedule.next_wall_clock), None)


def _nearest_slot(schedule: Any) -> datetime | None:
    """For rows without a wall clock, written by an earlier version: a change of rules moves a slot by little."""
    nearest: datetime | None = None
    for slot in slots_from(schedule, _not_before_start(schedule, schedule.next_run - LARGEST_OFFSET)):
        if nearest is None or abs(slot - schedule.next_run) < abs(nearest - schedule.next_run):
            nearest = slot
        if slot >= schedule.next_run:
            break
    return nearest


def _not_before_start(schedule: Any, at: datetime) -> datetime:
    return at if schedule.start_at is None else max(at, schedule.start_at)
