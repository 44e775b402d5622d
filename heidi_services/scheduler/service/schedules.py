"""Making, changing and removing schedules."""

from typing import Any
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_services.scheduler.misfire import first_slot
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.queries import database_now, locked
from heidi_services.scheduler.service.validation import DEED, WINDOW, check

TIMING = WINDOW | {"is_enabled"}


def create(values: dict[str, Any], *, by: UUID) -> Schedule:
    with transaction():
        schedule = Schedule(**values, created_by=by)
        check(schedule, WINDOW | DEED, database_now())
        _retime(schedule)
        db.session.add(schedule)
        db.session.flush()
        record("schedule_created", actor=by, target=schedule.id)
    return schedule


def change(schedule_id: UUID, values: dict[str, Any], *, version: int | None, by: UUID) -> Schedule:
    """Other times start from now: slots of the old ones that were not fired yet are dropped."""
    with transaction():
        schedule = locked(schedule_id)
        expect_version(schedule, version)
        changed = {name for name, value in values.items() if getattr(schedule, name) != value}
        for name in changed:
            setattr(schedule, name, values[name])
        check(schedule, changed, database_now())
        if changed & TIMING:
            _retime(schedule)
        if changed:
            record("schedule_updated", actor=by, target=schedule.id, detail={"changed": sorted(changed)})
    return schedule


def remove(schedule_id: UUID, *, version: int | None, by: UUID) -> None:
    """The history goes with it; a run that is under way finds nothing to report to."""
    with transaction():
        schedule = locked(schedule_id)
        expect_version(schedule, version)
        db.session.delete(schedule)
        record("schedule_deleted", actor=by, target=schedule_id)


def enable(schedule_id: UUID, *, by: UUID) -> Schedule:
    """From now on: what came while it was disabled is not missed."""
    return change(schedule_id, {"is_enabled": True}, version=None, by=by)


def disable(schedule_id: UUID, *, by: UUID) -> Schedule:
    return change(schedule_id, {"is_enabled": False}, version=None, by=by)


def _retime(schedule: Schedule) -> None:
    start = first_slot(schedule, database_now(), schedule.start_at) if schedule.is_enabled else None
    schedule.next_run = start
