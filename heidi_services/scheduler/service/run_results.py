"""Record the end of an attempt: success, another attempt, or failure.

Each is one transaction. It locks the schedule's row first, and goes on only if the run is still RUNNING at the attempt
that reports: a worker whose lease has expired changes nothing when it reports late.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import outbox
from heidi_common.messaging.jobs import backoff, status_is
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.derived_ids import derived_id
from heidi_services.scheduler.service.failure_notifications import notify_failed
from heidi_services.scheduler.service.run_completion import complete

RETRY_BASE_SECONDS, RETRY_CAP_SECONDS = 2, 300
MAX_ERROR_LENGTH = 2000


def record_result(context: RunContext, result: ActionResult) -> bool:
    """Record a successful action and emit its events.

    If one of the events is a request to another service, the run stays RUNNING until that service has replied.

    Returns:
        False if the run is not at this attempt any more; nothing is recorded then.
    """
    events = [
        (event, encrypted, derived_id(context.run_id, number, at=context.scheduled_for))
        for number, (event, encrypted) in enumerate(result.events)
    ]
    request_id = next((event_id for event, _, event_id in events if event.answered_by), None)
    with transaction():
        if request_id is None:
            recorded = mark_succeeded(context.run_id, context.attempt, result=result.result)
        else:
            recorded = _await_reply(request_id, context, result)
        if recorded:
            outbox.emit_many(events)
        return recorded


def record_failure(context: RunContext, failure: ActionFailed) -> bool:
    """Record a failed action, see `retry_or_fail`."""
    status = RunStatus.TIMED_OUT if failure.timed_out else RunStatus.FAILED
    error = str(failure)[:MAX_ERROR_LENGTH]
    return retry_or_fail(context.run_id, context.attempt, status, error, retry=failure.retry)


def mark_succeeded(run_id: UUID, attempt: int, **values: Any) -> bool:
    """End a run with success; return False if it is not at this attempt any more."""
    with transaction():
        schedule = _lock_schedule_of(run_id)
        run = _end(run_id, attempt, RunStatus.SUCCEEDED, **values)
        if schedule is None or run is None:
            return False
        complete(schedule, run, RunStatus.SUCCEEDED)
    return True


def retry_or_fail(run_id: UUID, attempt: int, status: RunStatus, error: str, *, retry: bool) -> bool:
    """End an attempt without success.

    Args:
        run_id: The run.
        attempt: The number of the attempt that has ended.
        status: The run's status if no further attempt follows: FAILED or TIMED_OUT.
        error: Stored with the run.
        retry: Queue the run again if it has attempts left.

    Returns:
        False if the run is not at this attempt any more; nothing is recorded then.
    """
    with transaction():
        schedule = _lock_schedule_of(run_id)
        if schedule is None:
            return False
        if retry and attempt < schedule.max_attempts:
            return _queue_again(run_id, attempt, error)
        run = _end(run_id, attempt, status, error=error, result=None)
        if run is None:
            return False
        complete(schedule, run, status)
        notify_failed(schedule, run, status, error)
    return True


def _lock_schedule_of(run_id: UUID) -> Schedule | None:
    schedule_id = select(ScheduleRun.schedule_id).where(ScheduleRun.id == run_id).scalar_subquery()
    statement = select(Schedule).where(Schedule.id == schedule_id).with_for_update()
    return db.session.scalar(statement.execution_options(populate_existing=True))


def _end(run_id: UUID, attempt: int, status: RunStatus, **values: Any) -> Any:
    """Return the run's row after its end; None if it is not at this attempt any more."""
    finished_at = func.clock_timestamp()
    return _update(run_id, attempt, status=status, finished_at=finished_at, **({"error": None} | values))


def _await_reply(request_id: UUID, context: RunContext, result: ActionResult) -> bool:
    """The time limit starts again, because it now applies to the other service."""
    until = func.now() + timedelta(seconds=context.timeout_seconds)
    values = {"awaits": request_id, "result": result.result, "locked_until": until, "hinted_until": func.now()}
    return _update(context.run_id, context.attempt, **values) is not None


def _queue_again(run_id: UUID, attempt: int, error: str) -> bool:
    later = func.now() + backoff(attempt, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS)
    values = {"status": RunStatus.QUEUED, "error": error, "next_attempt_at": later, "hinted_until": later}
    return _update(run_id, attempt, **values) is not None


def _update(run_id: UUID, attempt: int, **values: Any) -> Any:
    statement = (
        update(ScheduleRun)
        .where(
            ScheduleRun.id == run_id,
            status_is(ScheduleRun.status, RunStatus.RUNNING),
            ScheduleRun.attempts == attempt,
        )
        .values({"locked_until": None, "version": ScheduleRun.version + 1} | values)
        .returning(ScheduleRun.id, ScheduleRun.scheduled_for, ScheduleRun.started_at, ScheduleRun.attempts)
    )
    return db.session.execute(statement).first()
