"""Cancel runs, and queue runs again that have ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict
from heidi_services.scheduler.enums import OPEN_STATUSES, REPEATABLE, RunStatus, Trigger
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.queries import database_now, get_run, lock_schedule
from heidi_services.scheduler.service.runs.run_creation import run_factory
from heidi_services.scheduler.service.runs.run_results import LockedRun, cancel_attempt
from heidi_services.scheduler.service.runs.run_storage import insert_runs

STOPPED_ERROR = "The backfill was stopped."


def cancel_run(schedule_id: UUID, run_id: UUID, *, requested_by: UUID) -> ScheduleRun:
    """Cancel a run that has not ended.

    A run that waits ends immediately. The action of a run that is being executed is asked to end; until then the run is
    RUNNING, and it may still succeed.

    Raises:
        NotFound: The schedule has no such run.
        Conflict: The run has ended.
    """
    with transaction():
        schedule = lock_schedule(schedule_id)
        run = get_run(schedule_id, run_id)
        if run.status not in OPEN_STATUSES:
            raise Conflict(f"The run has ended ({run.status}); only a QUEUED or RUNNING run can be cancelled.")
        _cancel(schedule, run)
        record("schedule_run_cancelled", actor=requested_by, target=run_id, detail={"schedule": str(schedule_id)})
    return get_run(schedule_id, run_id)


def _cancel(schedule: Schedule, run: ScheduleRun) -> None:
    if run.status == RunStatus.RUNNING and run.awaits is None:
        run.cancel_requested_at = run.cancel_requested_at or database_now()
        return
    attempts = run.attempts
    db.session.execute(_update(ScheduleRun.id == run.id, status=RunStatus.RUNNING))
    cancel_attempt(LockedRun(schedule, run.id, run.schedule_id, run.scheduled_for, run.reruns, None), attempts)


def retry_run(schedule_id: UUID, run_id: UUID, *, requested_by: UUID) -> ScheduleRun:
    """Queue a run again that did not succeed, with all its attempts. It runs beside current slots.

    Raises:
        NotFound: The schedule has no such run.
        Conflict: The run has not ended, has succeeded, or stands for missed slots.
    """
    with transaction():
        schedule = lock_schedule(schedule_id)
        run = get_run(schedule_id, run_id)
        if run.status == RunStatus.MISSED:
            raise Conflict(
                "A MISSED run stands for slots that never ran; run them with `POST /schedules/{id}/backfill`."
            )
        if run.status not in REPEATABLE:
            raise Conflict(f"The run is {run.status}; only a run that did not succeed can be queued again.")
        factory = run_factory(schedule, Trigger(run.trigger), database_now())
        insert_runs([factory.create_replay(run.scheduled_for)], reopen=REPEATABLE)
        record("schedule_run_retried", actor=requested_by, target=run_id, detail={"schedule": str(schedule_id)})
    return get_run(schedule_id, run_id)


def cancel_backfill(schedule_id: UUID, *, requested_by: UUID | None) -> int:
    """Cancel the runs of a schedule's backfills that have not ended. Those that are being executed are asked to end.

    Returns:
        The number of runs.
    """
    with transaction():
        lock_schedule(schedule_id)
        of_backfill = (ScheduleRun.schedule_id == schedule_id) & (ScheduleRun.trigger == Trigger.BACKFILL)
        queued = _update(
            of_backfill & (ScheduleRun.status == RunStatus.QUEUED),
            status=RunStatus.CANCELLED,
            error=STOPPED_ERROR,
            finished_at=func.now(),
        )
        is_new = ScheduleRun.cancel_requested_at.is_(None)
        running = _update(
            of_backfill & (ScheduleRun.status == RunStatus.RUNNING) & is_new, cancel_requested_at=func.now()
        )
        number = sum(len(list(db.session.scalars(change.returning(ScheduleRun.id)))) for change in (queued, running))
        _wake_next_replay(schedule_id)
        if number:
            record("schedule_backfill_cancelled", actor=requested_by, target=schedule_id, detail={"runs": number})
    return number


def _wake_next_replay(schedule_id: UUID) -> None:
    """Runs that catch up waited for those of the backfill."""
    waiting = (ScheduleRun.schedule_id == schedule_id) & (ScheduleRun.status == RunStatus.QUEUED)
    oldest = (
        select(ScheduleRun.id)
        .where(waiting, ScheduleRun.is_replay, ScheduleRun.attempts == 0)
        .order_by(ScheduleRun.scheduled_for)
        .limit(1)
    )
    due = {"next_attempt_at": func.now(), "hinted_until": func.now()}
    db.session.execute(_update(ScheduleRun.id.in_(oldest.scalar_subquery()), **due))


def _update(condition: Any, **values: Any) -> Any:
    statement = update(ScheduleRun).where(condition).values(**values, version=ScheduleRun.version + 1)
    return statement.execution_options(synchronize_session=False)
