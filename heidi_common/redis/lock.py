"""A lock in Redis for work that should not overlap.

It avoids contention, but alone it does not guarantee mutual exclusion: a process that is suspended beyond its lease
does not notice that the lease has expired. Each holder therefore gets a fencing token, a number that is higher than
that of every earlier holder. The storage that is written to can reject a writer with an older token::

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
    """Another process or thread holds the lock."""


class LockUnavailable(LockNotAcquired):
    """The lock cannot be acquired or released, because Redis is unavailable."""


class LockLost(Exception):
    """The lock is not held (any longer): its lease has expired, and another process may hold it."""


class Lock:
    """A lock with a lease. Use it as a context manager, or call `acquire` and `release`.

    Args:
        client: The connection to Redis.
        name: The name of the lock.
        ttl: The length of the lease, in seconds. The lock is free again after it.
        wait: How long `acquire` waits for another holder, in seconds.
    """

    def __init__(self, client: redis.Redis, name: str, ttl: float = 30.0, *, wait: float = 0.0) -> None:
        self._redis = client
        self._name = name
        # The braces are a hash tag: they keep both keys on the same node of a Redis cluster.
        self._key = f"heidi:lock:{{{name}}}"
        self._fence_key = f"{self._key}:fence"
        self._ttl = ttl
        self._wait = wait
        self._owner = ""
        self._fence = 0

    @property
    def fencing_token(self) -> int:
        """A number that is higher than that of every earlier holder.

        Raises:
            LockLost: The lock was not acquired, or has been released.
        """
        if not self._owner:
            raise LockLost(f"{self._name} is not held")
        return self._fence

    def acquire(self) -> None:
        """Acquire the lock, waiting up to `wait` seconds.

        Raises:
            LockNotAcquired: Another holder has the lock.
            LockUnavailable: Redis is unavailable.
        """
        deadline = time.monotonic() + self._wait
        while not self._try_acquire():
            if time.monotonic() + _POLL_SECONDS > deadline:
                raise LockNotAcquired(f"{self._name} is held by another process or thread")
            time.sleep(_POLL_SECONDS)

    def extend(self, ttl: float | None = None) -> None:
        """Renew the lease.

        Args:
            ttl: The length of the new lease from now on, in seconds; by default that of the lock.

        Raises:
            LockLost: The old lease has expired.
            LockUnavailable: Redis is unavailable.
        """
        milliseconds = int((ttl or self._ttl) * 1000)
        if not self._eval(_EXTEND, [self._key], [self._owner, milliseconds]):
            raise LockLost(f"{self._name} expired before it was extended")

    def release(self) -> bool:
        """Release the lock.

        Returns:
            False if this holder's lease had expired. A lock of the next holder is not released.

        Raises:
            LockUnavailable: Redis is unavailable.
        """
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
        # The work is done and must not fail because Redis is unavailable: the lease expires by itself.
        with contextlib.suppress(LockUnavailable):
            self.release()

    def _try_acquire(self) -> bool:
        owner = secrets.token_hex(16)
        keys = [self._key, self._fence_key]
        fence = self._eval(_ACQUIRE, keys, [owner, int(self._ttl * 1000)])
        if fence:
            self._owner, self._fence = owner, fence
        return bool(fence)

    def _eval(self, script: str, keys: list[str], args: list[str | int]) -> int:
        try:
            return cast(int, self._redis.eval(script, len(keys), *keys, *args))
        except redis.TimeoutError as error:
            raise LockUnavailable(f"{self._name}: redis does not respond") from error
        except redis.RedisError as error:  # also if it rejects writes, for lack of memory or of a disk
            raise LockUnavailable(f"{self._name}: redis is unavailable") from error
