"""Plan one batch of the dispatch: what happens to each slot of the due schedules."""

import logging
import time
from typing import Any

from sqlalchemy import Row

from heidi_services.scheduler.enums import RunStatus, Trigger
from heidi_services.scheduler.misfire import SlotPlan, plan_slots
from heidi_services.scheduler.service.run_creation import RunFactory, count_open_runs

log = logging.getLogger(__name__)

MAX_PLANNING_SECONDS = 0.3
"""Limit for the computation in one transaction, well within `dispatch.IDLE_TIMEOUT`."""

MISFIRE_ERROR = "No clock process dispatched this slot in time."

DueSchedule = Row[Any]
Plans = list[tuple[DueSchedule, SlotPlan]]


def plan_batch(due: list[DueSchedule], size: int) -> Plans:
    """Plan as many schedules as fit into the time limit and `size` slots, at least one. The others stay due."""
    end = time.monotonic() + MAX_PLANNING_SECONDS
    plans: Plans = []
    count = 0
    for schedule in due:
        if plans and (count >= size or time.monotonic() > end):
            break
        slots = _plan(schedule)
        plans.append((schedule, slots))
        count += slots.count
    return plans


def _plan(schedule: DueSchedule) -> SlotPlan:
    try:
        return plan_slots(schedule, schedule.next_run, schedule.now)
    except (ValueError, LookupError, ArithmeticError) as error:
        # Valid when it was stored, unknown now: a zone that the time zone database has dropped. The others must go on.
        extra = {"schedule_id": str(schedule.id), "error": repr(error)[:300]}
        log.error("the next run of a schedule cannot be computed; it will not run again", extra=extra)
        return SlotPlan([], [schedule.next_run], None)


def rows_of(plans: Plans) -> list[dict[str, Any]]:
    """Make the rows of the runs, in the order of their slots."""
    open_runs = count_open_runs([schedule.id for schedule, _ in plans])
    rows = []
    for schedule, slots in plans:
        queue_all = len(slots.to_run) > 1
        factory = RunFactory(schedule, Trigger.CRON, schedule.now, open_runs.get(schedule.id, 0), queue_all)
        rows += [factory.create_ended_run(slot, RunStatus.MISSED, MISFIRE_ERROR) for slot in slots.missed]
        rows += [factory.create_run(slot) for slot in slots.to_run]
    return rows
