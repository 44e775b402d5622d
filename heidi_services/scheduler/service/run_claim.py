"""Claim a run for one worker: QUEUED -> RUNNING, with the attempt counted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import claim, status_is
from heidi_services.scheduler.actions.base import JSON, RunContext
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun

GRACE_SECONDS = 10
"""After its time limit and this grace, the worker of a run is considered gone."""

POSTPONE_DELAY = timedelta(seconds=2)


@dataclass(frozen=True)
class QueuedRun:
    """What a worker needs of a run and its schedule, copied from their rows."""

    run_id: UUID
    schedule_id: UUID
    action: str
    payload: JSON
    timeout_seconds: int
    exclusive: bool
    """Runs of this schedule must not overlap."""

    @property
    def lease_seconds(self) -> int:
        return self.timeout_seconds + GRACE_SECONDS


def claim_run(queued: QueuedRun, fencing_token: int | None) -> RunContext | None:
    """Claim a run in one transaction.

    Returns:
        The attempt, or None if the run is not due, is claimed by another worker, is deleted, or has been postponed
        because another run of its schedule is RUNNING.
    """
    with transaction():
        schedule = _load_schedule(queued)
        if schedule is None:
            return None
        if queued.exclusive and _another_is_running(queued):
            postpone(queued.run_id)
            return None
        if not claim(ScheduleRun, queued.run_id, open_status=RunStatus.QUEUED, lease_seconds=queued.lease_seconds):
            return None
        row = _mark_running(queued.run_id)
        return RunContext(
            run_id=queued.run_id,
            scheduled_for=row.scheduled_for,
            attempt=row.attempts,
            timeout_seconds=queued.timeout_seconds,
            fencing_token=fencing_token,
            created_by=schedule.created_by,
        )


def _load_schedule(queued: QueuedRun) -> Schedule | None:
    """Load the schedule if it still exists, and lock its row if its runs must not overlap."""
    for_update = queued.exclusive or None
    return db.session.get(Schedule, queued.schedule_id, populate_existing=True, with_for_update=for_update)


def _another_is_running(queued: QueuedRun) -> bool:
    statement = select(ScheduleRun.id).where(
        ScheduleRun.schedule_id == queued.schedule_id,
        ScheduleRun.status == RunStatus.RUNNING,
        ScheduleRun.id != queued.run_id,
    )
    return db.session.execute(statement.limit(1)).first() is not None


def _mark_running(run_id: UUID) -> Row[datetime, int]:
    return db.session.execute(
        update(ScheduleRun)
        .where(ScheduleRun.id == run_id)
        .values(
            status=RunStatus.RUNNING,
            awaits=None,  # the request of an earlier attempt
            started_at=func.clock_timestamp(),
            version=ScheduleRun.version + 1,
        )
        .returning(ScheduleRun.scheduled_for, ScheduleRun.attempts)
    ).one()


def postpone(run_id: UUID) -> None:
    """Try a due run again in 2 s. A run that is not due yet does not change."""
    later = func.now() + POSTPONE_DELAY
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, RunStatus.QUEUED))
        .where(ScheduleRun.next_attempt_at <= func.now())
        .values(next_attempt_at=later, hinted_until=later)
    )
    with transaction():
        db.session.execute(statement)
