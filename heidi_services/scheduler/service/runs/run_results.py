"""Record the end of an attempt: success, another attempt, or failure.

Each is one transaction. It locks the schedule's row first, and goes on only if the run is still RUNNING at the attempt
that reports: a worker whose lease has expired changes nothing when it reports late.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import DataError, IntegrityError

from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.events import ScheduleCompleted
from heidi_common.messaging.jobs import backoff, status_is
from heidi_common.messaging.outbox_batches import Emission
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.derived_ids import derived_id, execution_id
from heidi_services.scheduler.service.failure_notifications import notify_failed, recovery_notifications
from heidi_services.scheduler.service.runs.run_recording import RunRecord, record_runs

log = logging.getLogger(__name__)

RETRY_BASE_SECONDS, RETRY_CAP_SECONDS = 2, 300
MAX_ERROR_LENGTH = 2000
CANCELLED_ERROR = "The run was cancelled."
UNSTORABLE = (DataError, IntegrityError, TypeError, ValueError)
"""Raised if a result cannot be stored; any other error means that the database is unavailable."""

Attempt = tuple[RunContext, ActionResult]


def record_results(attempts: Sequence[Attempt]) -> None:
    """Record successful actions and emit their events. A result that cannot be stored fails only its own run."""
    try:
        record_runs([_record_of(context, result) for context, result in attempts])
    except UNSTORABLE:
        for context, result in attempts:
            _record_or_fail(context, result)


def _record_or_fail(context: RunContext, result: ActionResult) -> None:
    try:
        record_result(context, result)
    except UNSTORABLE as error:
        log.exception("result of a run cannot be stored", extra={"run_id": str(context.run_id)})
        record_failure(context, ActionFailed(f"internal error ({type(error).__name__})"))


def record_result(context: RunContext, result: ActionResult) -> bool:
    """Record a successful action and emit its events.

    If one of the events is a request to another service, the run stays RUNNING until that service has replied.

    Returns:
        False if the run is not at this attempt any more; nothing is recorded then.
    """
    return bool(record_runs([_record_of(context, result)]))


def _record_of(context: RunContext, result: ActionResult) -> RunRecord:
    events: list[Emission] = [
        (event, encrypted, derived_id(context.execution_id, number, at=context.scheduled_for))
        for number, (event, encrypted) in enumerate(result.events)
    ]
    request_id = next((event_id for event, _, event_id in events if event.answered_by), None)
    if request_id is None:
        return success_record(context, result=result.result, events=events)
    return RunRecord(
        run_id=context.run_id,
        attempt=context.attempt,
        status=RunStatus.RUNNING,
        result=result.result,
        awaits=request_id,
        awaits_seconds=context.timeout_seconds,  # the time limit starts again: it now applies to the other service
        events=events,
    )


def success_record(run: Any, *, result: Any = None, events: Sequence[Emission] = ()) -> RunRecord:
    """Return what to record of a run that has succeeded. `run` has the attributes of a `RunContext`."""
    completed = _completed_event(run, RunStatus.SUCCEEDED)
    return RunRecord(
        run_id=run.run_id,
        attempt=run.attempt,
        status=RunStatus.SUCCEEDED,
        result=result,
        events=[completed, *events, *_recovery(run)],
    )


def _recovery(run: Any) -> list[Emission]:
    if not run.recovers:
        return []
    columns = (Schedule.id, Schedule.name, Schedule.on_failure, Schedule.alert_recipients)
    with reading() as connection:
        schedule = connection.execute(select(*columns).where(Schedule.id == run.schedule_id)).first()
    return recovery_notifications(schedule, run) if schedule is not None else []


def _completed_event(run: Any, status: RunStatus) -> Emission:
    event = ScheduleCompleted(id=run.run_id, schedule_id=run.schedule_id, status=status)
    execution = execution_id(run.run_id, run.reruns, at=run.scheduled_for)
    return event, None, derived_id(execution, "completed", at=run.scheduled_for)


def record_failure(context: RunContext, failure: ActionFailed) -> bool:
    """Record a failed action, see `retry_or_fail`."""
    status = RunStatus.TIMED_OUT if failure.timed_out else RunStatus.FAILED
    error = storable_text(str(failure))[:MAX_ERROR_LENGTH]
    return retry_or_fail(context.run_id, context.attempt, status, error, retry=failure.retry)


def retry_or_fail(run_id: UUID, attempt: int, status: RunStatus, error: str, *, retry: bool) -> bool:
    """End an attempt without success.

    Args:
        run_id: The run.
        attempt: The row's `attempts` during the attempt that has ended; 0 in a batch.
        status: The run's status if no further attempt follows: FAILED or TIMED_OUT.
        error: Stored with the run.
        retry: Queue the run again if it has attempts left.

    Returns:
        False if the run is not at this attempt any more; nothing is recorded then.
    """
    with transaction():
        run = _lock_schedule_of(run_id)
        if run is None:
            return False
        if run.cancel_requested_at is not None:
            return cancel_attempt(run, attempt)
        if retry and max(attempt, 1) < run.schedule.max_attempts:
            return _queue_again(run_id, attempt, error)
        record = RunRecord(
            run_id=run_id, attempt=attempt, status=status, error=error, events=[_completed_event(run, status)]
        )
        if not record_runs([record]):
            return False
        notify_failed(run.schedule, run, max(attempt, 1), status, error)
    return True


def cancel_attempt(run: Any, attempt: int) -> bool:
    """End an attempt, or a run that was not started, as CANCELLED, in the caller's transaction.

    Args:
        run: Has `run_id`, `reruns`, `schedule_id` and `scheduled_for`.
        attempt: As in `retry_or_fail`.
    """
    status = RunStatus.CANCELLED
    events = [_completed_event(run, status)]
    record = RunRecord(run_id=run.run_id, attempt=attempt, status=status, error=CANCELLED_ERROR, events=events)
    return bool(record_runs([record]))


class LockedRun(NamedTuple):
    """A run whose schedule is locked."""

    schedule: Schedule
    run_id: UUID
    schedule_id: UUID
    scheduled_for: datetime
    reruns: int
    cancel_requested_at: datetime | None


def _lock_schedule_of(run_id: UUID) -> LockedRun | None:
    columns = (ScheduleRun.id, ScheduleRun.schedule_id, ScheduleRun.scheduled_for, ScheduleRun.reruns)
    statement = (
        select(Schedule, *columns, ScheduleRun.cancel_requested_at)
        .join(ScheduleRun, ScheduleRun.schedule_id == Schedule.id)
        .where(ScheduleRun.id == run_id)
        .with_for_update(of=Schedule)
    )
    row = db.session.execute(statement.execution_options(populate_existing=True)).first()
    return LockedRun(*row) if row else None


def _queue_again(run_id: UUID, attempt: int, error: str) -> bool:
    number = max(attempt, 1)
    later = func.now() + backoff(number, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS)
    statement = (
        update(ScheduleRun)
        .where(
            ScheduleRun.id == run_id,
            status_is(ScheduleRun.status, RunStatus.RUNNING),
            ScheduleRun.attempts == attempt,
        )
        .values(status=RunStatus.QUEUED, attempts=number, error=error, next_attempt_at=later, hinted_until=later)
        .values(locked_until=None, version=ScheduleRun.version + 1)
        .returning(ScheduleRun.id)
    )
    return db.session.execute(statement).first() is not None
