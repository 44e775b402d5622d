"""The Redis lock that keeps the runs of a schedule from overlapping."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from heidi_common.redis.client import redis_client
from heidi_common.redis.lock import Lock, LockUnavailable
from heidi_services.scheduler.service.runs.run_claim import DueRun

log = logging.getLogger(__name__)


@contextmanager
def execution_lock(run: DueRun) -> Iterator[int | None]:
    """Hold the schedule's lock while a run is executed, unless its overlap policy is ALLOW.

    Runs whose action only emits events need no lock: a worker that reports late has had no effect.

    The lock separates a worker whose lease has expired, but which is still alive, from its successor as far as
    possible. The database guards what must be exact, so without Redis the run goes on without a lock.

    Yields:
        The fencing token; None if no lock is held.

    Raises:
        LockNotAcquired: Another run of the schedule holds the lock.
    """
    lock = _acquire(run) if run.exclusive else None
    try:
        yield lock.fencing_token if lock else None
    finally:
        if lock:
            _release(lock)


def _acquire(run: DueRun) -> Lock | None:
    """Acquire the lock; None if Redis is unavailable."""
    name = f"schedule:{run.schedule_id}{':replay' if run.is_replay else ''}"
    lock = Lock(redis_client(), name, ttl=run.lease_seconds)
    try:
        lock.acquire()
    except LockUnavailable:
        return None
    return lock


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockUnavailable:
        log.warning("lock not released because Redis is unavailable; it expires by itself")
