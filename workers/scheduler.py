"""The actors of the scheduler."""

from uuid import UUID

from heidi_services.scheduler.service import executor, request_replies
from workers.actors import actor


@actor("scheduler")
def run_schedule(run_id: str) -> None:
    """Execute a run, if it is due and no other worker is executing it."""
    executor.execute_run(UUID(run_id))


@actor("scheduler")
def conclude_run(run_id: str) -> None:
    """Complete a run whose request has been handled."""
    request_replies.complete_run(UUID(run_id))
