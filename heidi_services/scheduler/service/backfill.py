"""Running the slots of a time that has passed."""

from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid
from heidi_services.scheduler.enums import Trigger
from heidi_services.scheduler.misfire import INSTANT, slots_of
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.queries import database_now, locked
from heidi_services.scheduler.service.run_creation import admission, store
from heidi_services.scheduler.service.validation import check_year, read_cron

MOST = 1000


class Backfilled(NamedTuple):
    runs: int
    slots: int


def backfill(schedule_id: UUID, start: datetime, end: datetime, *, by: UUID) -> Backfilled:
    """Run the slots from `start` to `end` (both included) that never ran: those without a row, and the MISSED ones.

    The unique key of the runs guards it: a slot that ran, or is about to, is left alone.
    """
    with transaction():
        schedule = locked(schedule_id)
        now = database_now()
        _check(start, end, now)
        read_cron(schedule.cron_expression, schedule.timezone, now)
        slots = _slots(schedule, start, end)
        admit = admission(schedule, Trigger.BACKFILL, now, queue=True).admit
        made = store([admit(slot) for slot in slots], reopen_missed=True)
        record("schedule_backfilled", actor=by, target=schedule_id, detail={"runs": len(made)})
    return Backfilled(len(made), len(slots))


def _check(start: datetime, end: datetime, now: datetime) -> None:
    check_year("from", start)
    if end <= start:
        raise Invalid.field("to", "The end must be after the start.")
    if end > now:
        raise Invalid.field("to", "Only what has passed can be filled in.")


def _slots(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    begin = max(start, schedule.start_at or start)
    found = takewhile(lambda slot: slot <= end, slots_of(schedule, begin - INSTANT))
    slots = list(islice(found, MOST + 1))
    if len(slots) > MOST:
        raise Invalid.field("to", f"There are more than {MOST} slots in that time.")
    return slots
