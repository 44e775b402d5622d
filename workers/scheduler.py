"""The actors of the scheduler."""

from heidi_services.scheduler.service import executor, request_replies
from workers.actors import actor
from workers.batching import process_each


@actor("scheduler")
def run_schedule(*run_ids: str) -> None:
    """Execute runs that are due and that no other worker is executing."""
    process_each(run_ids, executor.execute_run)


@actor("scheduler")
def conclude_run(*run_ids: str) -> None:
    """Complete runs whose request has been handled."""
    process_each(run_ids, request_replies.complete_run)
