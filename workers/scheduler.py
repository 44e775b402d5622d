"""The actors of the scheduler."""

from uuid import UUID

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.service import erasure
from heidi_services.scheduler.service.runs import executor, request_replies
from workers.actors import actor, consumer, wake_singly
from workers.batching import process_each
from workers.consumption import OUTBOUND_QUEUE


@actor("scheduler")
def run_schedule(*run_ids: str) -> None:
    """Execute runs that are due and that no other worker is executing.

    Of several runs, those that must be executed one at a time get a message each: an action that has crashed a worker
    could do so again. Runs whose action waits for a server outside of the platform go to a queue that occupies some
    threads only.
    """
    ids = [UUID(run_id) for run_id in run_ids]
    if len(ids) > 1:
        wake_singly("scheduler", "run_schedule", executor.execute_batch(ids))
    elif executor.execute_run(ids[0], may_wait=False):
        wake_singly(OUTBOUND_QUEUE, "run_outbound", ids)


@actor(OUTBOUND_QUEUE)
def run_outbound(*run_ids: str) -> None:
    """Execute runs whose action waits for a server outside of the platform."""
    process_each(run_ids, executor.execute_run)


@actor("scheduler")
def conclude_run(*run_ids: str) -> None:
    """Complete runs whose request has been handled."""
    request_replies.complete_runs([UUID(run_id) for run_id in run_ids])


@consumer("scheduler")
def erase_schedules(event: OutboxEvent) -> None:
    """Erase the schedules of an erased user."""
    erasure.erase_user_data(event)
