"""Execute runs: claim them, perform their actions with no transaction open, record the results."""

import json
import logging
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from heidi_common.redis.lock import LockNotAcquired
from heidi_services.scheduler.actions import emitting_actions, perform_action
from heidi_services.scheduler.actions.base import ActionFailed, ActionResult, RunContext
from heidi_services.scheduler.service.runs.execution_lock import execution_lock
from heidi_services.scheduler.service.runs.outbound_limits import keys_of, outbound_slots
from heidi_services.scheduler.service.runs.run_claim import DueRun, claim_runs, postpone
from heidi_services.scheduler.service.runs.run_results import record_failure, record_results

log = logging.getLogger(__name__)


def execute_run(run_id: UUID, *, may_wait: bool = True) -> bool:
    """Make one attempt at a run, if it is due and no other worker is executing it.

    The run is postponed while another run of the schedule is RUNNING or holds the execution lock.

    Args:
        run_id: The run.
        may_wait: False if the caller must not wait for a server outside of the platform.

    Returns:
        Whether the run was left alone for that reason.
    """
    for run in claim_runs([run_id], emitting_actions()):
        if run.attempt is not None:
            _attempt([(run, run.context())])
        elif run.action in emitting_actions():
            postpone([run_id])
        elif may_wait:
            _execute_within_limits(run)
        else:
            return True
    return False


def _execute_within_limits(run: DueRun) -> None:
    with outbound_slots().hold(keys_of(run)) as is_free:
        if is_free:
            _execute_locked(run)
        else:
            postpone([run.run_id])


def _execute_locked(run: DueRun) -> None:
    try:
        with execution_lock(run) as fencing_token:
            for claimed in claim_runs([run.run_id], [run.action]):
                if claimed.attempt is None:
                    postpone([run.run_id])
                else:
                    _attempt([(claimed, claimed.context(fencing_token))])
    except LockNotAcquired:
        postpone([run.run_id])


def execute_batch(run_ids: Sequence[UUID]) -> list[UUID]:
    """Make one attempt at those of the runs that are due and may be executed together.

    These are first attempts at actions that only emit events.

    Returns:
        The due runs that the caller must pass to `execute_run`, each on its own.
    """
    emitting = emitting_actions()
    try:
        runs = claim_runs(run_ids, emitting, in_batch=True)
    except DBAPIError:
        log.warning("runs cannot be claimed together; executing them one at a time", exc_info=True)
        return list(run_ids)
    unclaimed = [run for run in runs if run.attempt is None]
    overlapping = {
        run.run_id for run in unclaimed if run.is_fresh and run.action in emitting and not run.concurrency_limit
    }
    postpone(list(overlapping))
    _attempt([(run, run.context()) for run in runs if run.attempt is not None])
    return [run.run_id for run in unclaimed if run.run_id not in overlapping]


def _attempt(claimed: Sequence[tuple[DueRun, RunContext]]) -> None:
    succeeded: list[tuple[RunContext, ActionResult]] = []
    failed: list[tuple[RunContext, ActionFailed]] = []
    for run, context in claimed:
        try:
            succeeded.append((context, _perform(run, context)))
        except ActionFailed as failure:
            failed.append((context, failure))
    record_results(succeeded)
    for context, reason in failed:
        record_failure(context, reason)


def _perform(run: DueRun, context: RunContext) -> ActionResult:
    """Perform the action; an unexpected exception is logged in full and stored by its type only."""
    try:
        return perform_action(run.action, context, json.loads(run.payload))
    except ActionFailed:
        raise
    except Exception as error:
        log.exception("action raised an exception", extra={"run_id": str(run.run_id), "action": run.action})
        raise ActionFailed(f"internal error ({type(error).__name__})") from error
