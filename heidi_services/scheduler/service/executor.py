"""Execute a run: claim it, perform its action with no transaction open, record the result."""

import logging
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import status_is
from heidi_common.redis.lock import LockNotAcquired
from heidi_services.scheduler.actions import perform_action
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.enums import RunStatus
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service.execution_lock import execution_lock
from heidi_services.scheduler.service.overlap_policy import may_overlap
from heidi_services.scheduler.service.run_claim import QueuedRun, claim_run, postpone
from heidi_services.scheduler.service.run_results import record_failure, record_result

log = logging.getLogger(__name__)


def execute_run(run_id: UUID) -> None:
    """Make one attempt at a run, if it is due and no other worker is executing it.

    The run is postponed while another run of the schedule holds the execution lock.
    """
    queued = _load(run_id)
    if queued is None:
        return
    try:
        with execution_lock(queued) as fencing_token:
            context = claim_run(queued, fencing_token)
            if context is not None:
                _attempt(queued, context)
    except LockNotAcquired:
        postpone(run_id)


def _load(run_id: UUID) -> QueuedRun | None:
    statement = (
        select(Schedule, ScheduleRun.id)
        .join(ScheduleRun, ScheduleRun.schedule_id == Schedule.id)
        .where(ScheduleRun.id == run_id, status_is(ScheduleRun.status, RunStatus.QUEUED))
    )
    with transaction():
        row = db.session.execute(statement).first()
        if row is None:
            return None
        schedule = row[0]
        exclusive = not may_overlap(schedule.overlap_policy)
        return QueuedRun(run_id, schedule.id, schedule.action, schedule.payload, schedule.timeout_seconds, exclusive)


def _attempt(queued: QueuedRun, context: RunContext) -> None:
    try:
        result = _perform(queued, context)
    except ActionFailed as failure:
        record_failure(context, failure)
    else:
        record_result(context, result)


def _perform(queued: QueuedRun, context: RunContext) -> ActionResult:
    """Perform the action; an unexpected exception is logged in full and stored by its type only."""
    try:
        return perform_action(queued.action, context, queued.payload)
    except ActionFailed:
        raise
    except Exception as error:
        log.exception("action raised an exception", extra={"run_id": str(queued.run_id), "action": queued.action})
        raise ActionFailed(f"internal error ({type(error).__name__})") from error
