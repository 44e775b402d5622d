"""The actors of the scheduler."""

from uuid import UUID

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.scheduler.service import erasure, executor, request_replies
from workers.actors import actor, consumer, wake_singly


@actor("scheduler")
def run_schedule(*run_ids: str) -> None:
    """Execute runs that are due and that no other worker is executing.

    Of several runs, those that must be executed singly get a message each: an action that calls a slow server would
    delay the others, and an action that has crashed a worker could do so again.
    """
    if len(run_ids) == 1:
        executor.execute_run(UUID(run_ids[0]))
        return
    wake_singly("scheduler", "run_schedule", executor.execute_batch([UUID(run_id) for run_id in run_ids]))


@actor("scheduler")
def conclude_run(*run_ids: str) -> None:
    """Complete runs whose request has been handled."""
    request_replies.complete_runs([UUID(run_id) for run_id in run_ids])


@consumer("scheduler")
def erase_schedules(event: OutboxEvent) -> None:
    """Erase the schedules of an erased user."""
    erasure.erase_user_data(event)
