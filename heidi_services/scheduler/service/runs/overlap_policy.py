"""Overlap policy: what happens to a slot that comes before the schedule's previous run has ended.

The policy is enforced at three points: run_creation.py counts the runs that have not ended, run_claim.py does not start
a run while another is RUNNING, and execution_lock.py separates a worker whose lease has expired from its successor.
"""

from heidi_services.scheduler.enums import OverlapPolicy


def may_overlap(policy: str) -> bool:
    """Runs of the schedule may be executed at the same time."""
    return policy == OverlapPolicy.ALLOW


def may_start(policy: str, open_runs: int) -> bool:
    """A new run is due immediately."""
    return may_overlap(policy) or open_runs == 0


def may_queue(policy: str, open_runs: int) -> bool:
    """A new run waits for the run before it. Otherwise it is skipped."""
    return policy == OverlapPolicy.QUEUE_ONE and open_runs == 1
