"""Backfill: run the slots of a past period that never ran."""

from collections.abc import Collection
from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid
from heidi_services.scheduler.enums import RunStatus, Trigger
from heidi_services.scheduler.misfire import slots_from
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.missed_ranges import take_from_missed
from heidi_services.scheduler.service.queries import database_now, lock_schedule
from heidi_services.scheduler.service.runs.run_creation import run_factory
from heidi_services.scheduler.service.runs.run_storage import insert_runs
from heidi_services.scheduler.service.validation import validate_timing, validate_year

MAX_SLOTS = 1000


class BackfillResult(NamedTuple):
    """`runs` were created, of the `slots` in the period."""

    runs: int
    slots: int


def backfill_schedule(
    schedule_id: UUID,
    start: datetime,
    end: datetime,
    *,
    requested_by: UUID,
    rerun: Collection[str] = (RunStatus.MISSED,),
) -> BackfillResult:
    """Run the slots of a period that have no run, and those whose run has one of the statuses `rerun`.

    The unique key of the runs makes this safe to repeat: a slot that has run, or is queued, does not run again. The
    runs are executed beside those of current slots.

    Args:
        schedule_id: The schedule. It may be disabled.
        start: First instant of the period (inclusive). Slots before the schedule's start are left out.
        end: Last instant of the period (inclusive), not in the future.
        requested_by: The user or machine client, for the audit trail.
        rerun: Statuses of runs that are queued again.

    Raises:
        NotFound: No schedule has this ID.
        Invalid: The period is not valid, or has more than 1,000 slots.
    """
    with transaction():
        schedule = lock_schedule(schedule_id)
        now = database_now()
        _validate_period(start, end, now)
        validate_timing(schedule, now)
        slots = _slots_between(schedule, start, end)
        reopen = [RunStatus(status) for status in rerun]
        if RunStatus.MISSED in reopen:
            take_from_missed(schedule, start, end)
        factory = run_factory(schedule, Trigger.BACKFILL, now)
        created = insert_runs([factory.create_replay(slot) for slot in slots], reopen=reopen)
        record("schedule_backfilled", actor=requested_by, target=schedule_id, detail={"runs": len(created)})
    return BackfillResult(len(created), len(slots))


def _validate_period(start: datetime, end: datetime, now: datetime) -> None:
    validate_year("from", start)
    if end <= start:
        raise Invalid.field("to", "Must be after `from`.")
    if end > now:
        raise Invalid.field("to", "Must not be in the future.")


def _slots_between(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    begin = max(start, schedule.start_at or start)
    in_period = takewhile(lambda slot: slot <= end, slots_from(schedule, begin))
    slots = list(islice(in_period, MAX_SLOTS + 1))
    if len(slots) > MAX_SLOTS:
        raise Invalid.field("to", f"The period has more than {MAX_SLOTS} slots; choose a shorter one.")
    return slots
