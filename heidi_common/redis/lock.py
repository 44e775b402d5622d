"""A lock in Redis for what should not overlap.

It saves contention; it never guards what must be exact. A process that sleeps through
its lease does not notice, therefore each holder gets a higher number than every holder
before (the fencing token), by which the thing that is written to can refuse a late
writer::

    with Lock(redis, "cities:import", ttl=60) as lock:
        write(rows, fence=lock.fencing_token)
"""

import contextlib
import secrets
import time
from types import TracebackType
from typing import Self, cast

import redis

_ACQUIRE = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.call('incr', KEYS[2])
end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""
_EXTEND = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
"""
_POLL_SECONDS = 0.05


class LockNotAcquired(Exception):
    """Somebody else holds the lock."""


class LockUnavailable(LockNotAcquired):
    """Nobody can hold the lock, because Redis is away."""


class LockLost(Exception):
    """The lease ran out before the work was done; somebody else may hold the lock."""


class Lock:
    """Held for at most ``ttl`` seconds. Waits up to ``wait`` seconds for its turn."""

    def __init__(self, client: redis.Redis, name: str, ttl: float = 30.0, *, wait: float = 0.0) -> None:
        self._redis = client
        self._name = name
        # The braces keep both keys on one node of a Redis cluster.
        self._key = f"heidi:lock:{{{name}}}"
        self._fence_key = f"{self._key}:fence"
        self._ttl = ttl
        self._wait = wait
        self._owner = ""
        self._fence = 0

    @property
    def fencing_token(self) -> int:
        """Higher than that of every earlier holder."""
        if not self._owner:
            raise LockLost(f"{self._name} is not held")
        return self._fence

    def acquire(self) -> None:
        deadline = time.monotonic() + self._wait
        while not self._try():
            if time.monotonic() + _POLL_SECONDS > deadline:
                raise LockNotAcquired(f"{self._name} is held by somebody else")
            time.sleep(_POLL_SECONDS)

    def extend(self, ttl: float | None = None) -> None:
        """A new lease from now on; ``LockLost`` when the old one has ended."""
        milliseconds = int((ttl or self._ttl) * 1000)
        if not self._eval(_EXTEND, [self._key], [self._owner, milliseconds]):
            raise LockLost(f"{self._name} ran out before it was extended")

    def release(self) -> bool:
        """Give the lock back; False when it was no longer ours."""
        owner, self._owner = self._owner, ""
        return bool(self._eval(_RELEASE, [self._key], [owner]))

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Without Redis the lease ends by itself; the work is done and must not fail for it.
        with contextlib.suppress(LockUnavailable):
            self.release()

    def _try(self) -> bool:
        owner = secrets.token_hex(16)
        keys = [self._key, self._fence_key]
        fence = self._eval(_ACQUIRE, keys, [owner, int(self._ttl * 1000)])
        if fence:
            self._owner, self._fence = owner, fence
        return bool(fence)

    def _eval(self, script: str, keys: list[str], args: list[str | int]) -> int:
        try:
            return cast(int, self._redis.eval(script, len(keys), *keys, *args))
        except redis.ConnectionError as error:
            raise LockUnavailable(f"{self._name}: redis is away") from error
        except redis.TimeoutError as error:
            raise LockUnavailable(f"{self._name}: redis does not answer") from error
