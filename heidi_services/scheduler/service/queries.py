"""Read schedules and their runs."""

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
    """Return the database's time, which all machines agree on."""
    return cast(datetime, db.session.scalar(select(func.now())))


def get_schedule(schedule_id: UUID) -> Schedule:
    return _load_schedule(schedule_id, for_update=False)


def lock_schedule(schedule_id: UUID) -> Schedule:
    """Load a schedule and lock its row, so that dispatch, the end of a run and an edit happen one after the other."""
    return _load_schedule(schedule_id, for_update=True)


def _load_schedule(schedule_id: UUID, *, for_update: bool) -> Schedule:
    schedule = db.session.get(Schedule, schedule_id, populate_existing=True, with_for_update=for_update or None)
    if schedule is None:
        raise NotFound("Schedule not found.")
    return schedule


def find_schedules(*, sort: str, is_enabled: bool | None = None, action: str | None = None, **paging: Any) -> Page:
    """List schedules, filtered by state and action.

    Args:
        sort: `createdAt` or `name`, descending with a leading `-`.
        is_enabled: Only enabled, or only disabled schedules.
        action: Only schedules with this action.
        **paging: See `heidi_common.database.pagination.page`.
    """
    statement = select(Schedule)
    if is_enabled is not None:
        statement = statement.where(Schedule.is_enabled == is_enabled)
    if action is not None:
        statement = statement.where(Schedule.action == action)
    order = SORTS[sort.lstrip("-")]
    return page(statement, order=order, descending=sort.startswith("-"), tiebreak=Schedule.id, **paging)


def get_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    run = db.session.get(ScheduleRun, run_id, populate_existing=True)
    if run is None or run.schedule_id != schedule_id:
        raise NotFound("Run not found.")
    return run


def find_runs(schedule_id: UUID, *, status: str | None = None, trigger: str | None = None, **paging: Any) -> Page:
    """List the runs of a schedule, newest slot first."""
    get_schedule(schedule_id)
    statement = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
    if status is not None:
        statement = statement.where(ScheduleRun.status == status)
    if trigger is not None:
        statement = statement.where(ScheduleRun.trigger == trigger)
    return page(statement, order=ScheduleRun.scheduled_for, descending=True, tiebreak=ScheduleRun.id, **paging)
