"""What workers do for the scheduler."""

from uuid import UUID

from heidi_services.scheduler.service import executor, request_replies
from workers.actors import actor


@actor("scheduler")
def run_schedule(run_id: str) -> None:
    """Carry out a run, if it is due and nobody else is at it."""
    executor.execute_run(UUID(run_id))


@actor("scheduler")
def conclude_run(run_id: str) -> None:
    """End a run whose request was answered."""
    request_replies.complete_run(UUID(run_id))
