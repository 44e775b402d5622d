"""Run a schedule by hand, and wait for the end of a run."""

import time
from datetime import datetime
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.cron.occurrences import MICROSECOND
from heidi_services.scheduler.enums import OPEN_STATUSES, Trigger
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.queries import database_now, get_run, lock_schedule
from heidi_services.scheduler.service.runs.concurrency import make_room
from heidi_services.scheduler.service.runs.run_creation import run_factory, run_id_of
from heidi_services.scheduler.service.runs.run_storage import insert_runs

POLL_SECONDS = 0.1


def run_now(schedule_id: UUID, *, requested_by: UUID) -> ScheduleRun:
    """Create a run outside the schedule's slots, even if the schedule is disabled.

    Args:
        schedule_id: The schedule to run.
        requested_by: The user or machine client, for the audit trail.

    Returns:
        The run: QUEUED, or SKIPPED by the overlap policy.

    Raises:
        NotFound: No schedule has this ID.
    """
    with transaction():
        schedule = lock_schedule(schedule_id)
        make_room([schedule])
        now = database_now()
        slot = _free_slot(now)
        insert_runs([run_factory(schedule, Trigger.MANUAL, now).create_run(slot)])
        record("schedule_run", actor=requested_by, target=schedule_id)
    return get_run(schedule_id, run_id_of(schedule_id, slot))


def _free_slot(now: datetime) -> datetime:
    """A cron slot is a whole second. A manual run always has microseconds, so it never takes such a slot."""
    return now if now.microsecond else now + MICROSECOND


def wait_for_run(schedule_id: UUID, run_id: UUID, seconds: float) -> ScheduleRun:
    """Return the run when it has ended, or as it is after `seconds`."""
    end = time.monotonic() + seconds
    while (run := get_run(schedule_id, run_id)).status in OPEN_STATUSES and time.monotonic() < end:
        db.session.rollback()  # do not hold a connection while waiting
        time.sleep(POLL_SECONDS)
    return run
