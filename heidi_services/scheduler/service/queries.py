"""Read schedules and their runs."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.text_search import contains
from heidi_common.problems import NotFound
from heidi_services.scheduler.enums import FAILED_STATUSES
from heidi_services.scheduler.models import Schedule, ScheduleRun

SORTS = {"createdAt": Schedule.created_at, "name": Schedule.sort_name}


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


def find_schedules(
    *,
    sort: str,
    q: str | None = None,
    is_enabled: bool | None = None,
    is_failing: bool | None = None,
    action: str | None = None,
    kind: str | None = None,
    tag: str | None = None,
    **paging: Any,
) -> Page:
    """List schedules, filtered by name, state, action, kind and tag.

    Args:
        sort: `createdAt` or `name`, descending with a leading `-`.
        q: Only schedules whose name contains this text, whatever its case and accents.
        is_failing: Only schedules whose last run failed, or only the others.
        is_enabled: Only enabled, or only disabled schedules.
        action: Only schedules with this action.
        kind: Only schedules of this kind.
        tag: Only schedules with this tag.
        **paging: See `heidi_common.database.pagination.page`.
    """
    equal = ((Schedule.is_enabled, is_enabled), (Schedule.action, action), (Schedule.kind, kind))
    filters = [column == value for column, value in equal if value is not None]
    filters += [Schedule.tags.contains([tag])] if tag else []
    if is_failing is not None:
        has_failed = func.coalesce(Schedule.last_run_status.in_(FAILED_STATUSES), False)
        filters.append(has_failed if is_failing else ~has_failed)
    statement = select(Schedule).where(contains(Schedule.sort_name, q)) if q else select(Schedule)
    order, descending = SORTS[sort.lstrip("-")], sort.startswith("-")
    return page(statement, order=order, descending=descending, tiebreak=Schedule.id, filters=filters, **paging)


def get_run(schedule_id: UUID, run_id: UUID) -> ScheduleRun:
    run = db.session.get(ScheduleRun, run_id, populate_existing=True)
    if run is None or run.schedule_id != schedule_id:
        raise NotFound("Run not found.")
    return run


def find_all_runs(
    *,
    owner: UUID | None,
    status: list[str] | None = None,
    trigger: str | None = None,
    action: str | None = None,
    schedule_id: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    **paging: Any,
) -> Page:
    """List the runs of all schedules, newest slot first.

    Args:
        owner: Only runs of schedules that this user or machine client has created; None: of all.
        status: Only runs with one of these statuses.
        trigger: Only runs with this trigger.
        action: Only runs of schedules with this action.
        schedule_id: Only runs of this schedule.
        start: Only runs whose slot is not earlier.
        end: Only runs whose slot is earlier.
        **paging: See `heidi_common.database.pagination.page`.
    """
    statement = select(ScheduleRun)
    of_schedule = ((Schedule.created_by, owner), (Schedule.action, action))
    wanted = [column == value for column, value in of_schedule if value is not None]
    if wanted:
        statement = statement.where(ScheduleRun.schedule_id.in_(select(Schedule.id).where(*wanted)))
    equal = ((ScheduleRun.trigger, trigger), (ScheduleRun.schedule_id, schedule_id))
    filters = [column == value for column, value in equal if value is not None]
    filters += [ScheduleRun.status.in_(status)] if status else []
    filters += [ScheduleRun.scheduled_for >= start] if start else []
    filters += [ScheduleRun.scheduled_for < end] if end else []
    order, tiebreak = ScheduleRun.scheduled_for, ScheduleRun.id
    return page(statement, order=order, descending=True, tiebreak=tiebreak, filters=filters, **paging)


def find_runs(schedule_id: UUID, *, status: str | None = None, trigger: str | None = None, **paging: Any) -> Page:
    """List the runs of a schedule, newest slot first."""
    get_schedule(schedule_id)
    statement = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
    equal = ((ScheduleRun.status, status), (ScheduleRun.trigger, trigger))
    filters = [column == value for column, value in equal if value is not None]
    order, tiebreak = ScheduleRun.scheduled_for, ScheduleRun.id
    return page(statement, order=order, descending=True, tiebreak=tiebreak, filters=filters, **paging)
