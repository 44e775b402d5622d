"""The end of an attempt: success, another try, or failure; and what follows from it.

Each is one transaction that begins with the schedule's row and goes on only if the run is still at the attempt that
reports. A worker that was given up changes nothing when it comes back.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import outbox
from heidi_common.messaging.events import ScheduleCompleted
from heidi_common.messaging.jobs import backoff, status_is
from heidi_services.scheduler.actions import ActionFailed, Order, Outcome, derived_id
from heidi_services.scheduler.enums import Overlap, Status
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.failure_notifications import tell_failed

RETRY_BASE, RETRY_CAP = 2, 300  # seconds
LONGEST_ERROR = 2000


def succeed(order: Order, outcome: Outcome) -> bool:
    """False when the run is no longer ours. One that asked another service for something goes on until it answers."""
    facts = [
        (fact, sealed, derived_id(order.run_id, number, at=order.scheduled_for))
        for number, (fact, sealed) in enumerate(outcome.facts)
    ]
    request = next((event_id for fact, _, event_id in facts if fact.answered_by), None)
    with transaction():
        if request is None:
            ours = done(order.run_id, order.attempt, result=outcome.result)
        else:
            ours = _wait_for(request, order, outcome)
        if ours:
            outbox.emit_many(facts)
        return ours


def done(run_id: UUID, attempt: int, **values: Any) -> bool:
    """The run has succeeded; False when it is not at this attempt any more."""
    with transaction():
        schedule = _hold_schedule(run_id)
        run = _end(run_id, attempt, Status.SUCCEEDED, **values)
        if schedule is None or run is None:
            return False
        _conclude(schedule, run, Status.SUCCEEDED)
    return True


def fail(order: Order, failure: ActionFailed) -> bool:
    status = Status.TIMED_OUT if failure.timed_out else Status.FAILED
    return give_up(order.run_id, order.attempt, status, str(failure)[:LONGEST_ERROR], retry=failure.retry)


def give_up(run_id: UUID, attempt: int, status: Status, error: str, *, retry: bool) -> bool:
    """End an attempt without success: try again while attempts are left, else the run has failed."""
    with transaction():
        schedule = _hold_schedule(run_id)
        if schedule is None:
            return False
        if retry and attempt < schedule.max_attempts:
            return _try_again(run_id, attempt, error)
        run = _end(run_id, attempt, status, error=error, result=None)
        if run is None:
            return False
        _conclude(schedule, run, status)
        tell_failed(schedule, run, status, error)
    return True


def _hold_schedule(run_id: UUID) -> Schedule | None:
    owner = select(ScheduleRun.schedule_id).where(ScheduleRun.id == run_id).scalar_subquery()
    statement = select(Schedule).where(Schedule.id == owner).with_for_update().execution_options(populate_existing=True)
    return db.session.scalar(statement)


def _end(run_id: UUID, attempt: int, status: Status, **values: Any) -> Any:
    """The run's row after its end; None when it is not at this attempt any more."""
    moment = func.clock_timestamp()
    return _change(run_id, attempt, status=status, finished_at=moment, **({"error": None} | values))


def _wait_for(request: UUID, order: Order, outcome: Outcome) -> bool:
    """The time limit counts from here anew: now it is the other service's."""
    until = func.now() + timedelta(seconds=order.timeout)
    values = {"awaits": request, "result": outcome.result, "locked_until": until, "hinted_until": func.now()}
    return _change(order.run_id, order.attempt, **values) is not None


def _try_again(run_id: UUID, attempt: int, error: str) -> bool:
    later = func.now() + backoff(attempt, base=RETRY_BASE, cap=RETRY_CAP)
    changed = _change(run_id, attempt, status=Status.QUEUED, error=error, next_attempt_at=later, hinted_until=later)
    return changed is not None


def _change(run_id: UUID, attempt: int, **values: Any) -> Any:
    statement = (
        update(ScheduleRun)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, Status.RUNNING), ScheduleRun.attempts == attempt)
        .values({"locked_until": None, "version": ScheduleRun.version + 1} | values)
        .returning(ScheduleRun.id, ScheduleRun.scheduled_for, ScheduleRun.started_at, ScheduleRun.attempts)
    )
    return db.session.execute(statement).first()


def _conclude(schedule: Schedule, run: Any, status: Status) -> None:
    _note_last(schedule.id, run.started_at, status)
    if schedule.overlap_policy != Overlap.ALLOW:
        _wake_next(schedule.id)
    fact = ScheduleCompleted(id=run.id, schedule_id=schedule.id, status=status)
    outbox.emit(fact, event_id=derived_id(run.id, "completed", at=run.scheduled_for))


def _note_last(schedule_id: UUID, started_at: datetime, status: Status) -> None:
    db.session.execute(
        update(Schedule)
        .where(Schedule.id == schedule_id)
        .values(
            last_run=started_at,
            last_run_status=status,
            run_count=Schedule.run_count + 1,
            version=Schedule.version + 1,
            updated_at=Schedule.updated_at,  # when somebody last changed it, not when it last ran
        )
        .execution_options(synchronize_session=False)
    )


def _wake_next(schedule_id: UUID) -> None:
    """The run that waited for this one is due; the clock sends its hint."""
    waiting = (
        select(ScheduleRun.id)
        .where(ScheduleRun.schedule_id == schedule_id, ScheduleRun.status == Status.QUEUED)
        .where(ScheduleRun.next_attempt_at > func.now(), ScheduleRun.attempts == 0)
        .order_by(ScheduleRun.scheduled_for)
        .limit(1)
        .scalar_subquery()
    )
    db.session.execute(
        update(ScheduleRun)
        .where(ScheduleRun.id == waiting)
        .values(next_attempt_at=func.now(), hinted_until=func.now())
        .execution_options(synchronize_session=False)
    )
