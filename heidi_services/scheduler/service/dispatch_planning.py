"""Plan one batch of the dispatch: what happens to each slot of the due schedules."""

import logging
import time
from typing import Any

from sqlalchemy import Row

from heidi_services.scheduler.enums import Trigger
from heidi_services.scheduler.misfire import MissedSlots, SlotPlan, plan_slots
from heidi_services.scheduler.service.runs.concurrency import count_in_groups, make_room
from heidi_services.scheduler.service.runs.run_creation import OpenRuns, RunFactory, count_open_runs

log = logging.getLogger(__name__)

MAX_PLANNING_SECONDS = 0.3
"""Limit for the computation in one transaction, well within `dispatch.IDLE_TIMEOUT`."""

DueSchedule = Row[Any]
Plans = list[tuple[DueSchedule, SlotPlan]]


def plan_batch(due: list[DueSchedule]) -> Plans:
    """Plan as many schedules as fit into the time limit, at least one. The others stay due."""
    end = time.monotonic() + MAX_PLANNING_SECONDS
    plans: Plans = []
    for schedule in due:
        if plans and time.monotonic() > end:
            break
        plans.append((schedule, _plan(schedule)))
    return plans


def _plan(schedule: DueSchedule) -> SlotPlan:
    try:
        return plan_slots(schedule, schedule.next_run, schedule.now)
    except (ValueError, LookupError, ArithmeticError) as error:
        # Valid when it was stored, unknown now: a zone that the time zone database has dropped. The others must go on.
        extra = {"schedule_id": str(schedule.id), "error": repr(error)[:300]}
        log.error("the next run of a schedule cannot be computed; it will not run again", extra=extra)
        return SlotPlan(missed=MissedSlots(schedule.next_run, schedule.next_run, 1))


def rows_of(plans: Plans) -> list[dict[str, Any]]:
    """Make the rows of the runs: first those of the newest slots, then those that catch up."""
    open_runs = count_open_runs([schedule.id for schedule, _ in plans])
    make_room(schedule for schedule, slots in plans if slots.newest is not None)
    in_groups = count_in_groups(schedule for schedule, _ in plans)
    rows = []
    older: list[dict[str, Any]] = []
    for schedule, slots in plans:
        counts = (*open_runs.get(schedule.id, OpenRuns()), in_groups.get(schedule.id, 0))
        factory = RunFactory(schedule, Trigger.CRON, schedule.now, *counts)
        if slots.newest is not None:
            rows.append(factory.create_run(slots.newest))
        if slots.missed is not None:
            older.append(factory.create_missed(slots.missed))
        older += [factory.create_replay(slot) for slot in slots.catch_up]
    return rows + older
