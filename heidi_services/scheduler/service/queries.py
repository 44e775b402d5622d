"""Reading schedules and their history."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.problems import NotFound
from heidi_services.scheduler.models import Schedule, ScheduleRun

SORTS = {"createdAt": Schedule.created_at, "name": Schedule.name}


def database_now() -> datetime:
    """The one clock that all machines agree on."""
    return cast(datetime, db.session.scalar(select(func.now())))


def get(schedule_id: UUID) -> Schedule:
    found = db.session.get(Schedule, schedule_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such schedule.")
    return found


def locked(schedule_id: UUID) -> Schedule:
    """The schedule, with its row held: a tick, the end of a run and an edit come one after the other."""
    found = db.session.get(Schedule, schedule_id, populate_existing=True, with_for_update=True)
    if found is None:
        raise NotFound("There is no such schedule.")
    return found


def find(*, sort: str, is_enabled: bool | None = None, action: str | None = None, **paging: Any) -> Page:
    statement = select(Schedule)
    if is_enabled is not None:
        statement = statement.where(Schedule.is_enabled == is_enabled)
    if action is not None:
        statement = statement.where(Schedule.action == action)
    order = SORTS[sort.lstrip("-")]
    return page(statement, order=order, descending=sort.startswith("-"), tiebreak=Schedule.id, **paging)


def get_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    found = db.session.get(ScheduleRun, run_id, populate_existing=True)
    if found is None or found.schedule_id != schedule_id:
        raise NotFound("There is no such run.")
    return found


def find_runs(schedule_id: UUID, *, status: str | None = None, trigger: str | None = None, **paging: Any) -> Page:
    """The history, newest slot first."""
    get(schedule_id)
    statement = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
    if status is not None:
        statement = statement.where(ScheduleRun.status == status)
    if trigger is not None:
        statement = statement.where(ScheduleRun.trigger == trigger)
    return page(statement, order=ScheduleRun.scheduled_for, descending=True, tiebreak=ScheduleRun.id, **paging)
