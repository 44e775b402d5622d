"""Running a schedule by hand, and waiting for the end of a run."""

import time
from datetime import timedelta
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.enums import OPEN, Trigger
from heidi_services.scheduler.models import ScheduleRun
from heidi_services.scheduler.service.queries import database_now, get_run, locked
from heidi_services.scheduler.service.run_creation import admission, run_id, store

LOOK_EVERY = 0.1  # seconds


def run_now(schedule_id: UUID, *, by: UUID) -> ScheduleRun:
    """A run outside the timetable, also of a disabled schedule. The overlap policy holds: it may be SKIPPED."""
    with transaction():
        schedule = locked(schedule_id)
        now = database_now()
        # A slot of the timetable is a whole second; a moment of its own never takes its place.
        moment = now if now.microsecond else now + timedelta(microseconds=1)
        store([admission(schedule, Trigger.MANUAL, now).admit(moment)])
        record("schedule_run", actor=by, target=schedule_id)
    return get_run(schedule_id, run_id(schedule_id, moment))


def wait_for(schedule_id: UUID, found: UUID, seconds: float) -> ScheduleRun:
    """The run as it is when it has ended, or after that many seconds."""
    end = time.monotonic() + seconds
    while (run := get_run(schedule_id, found)).status in OPEN and time.monotonic() < end:
        db.session.rollback()  # no connection is held while waiting
        time.sleep(LOOK_EVERY)
    return run
