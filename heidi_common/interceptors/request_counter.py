"""Count requests per minute, over all processes, with few round trips to Redis.

Each process counts by itself and adds its count to Redis in batches of a fiftieth of what remains to the limit. Near
the limit that is every request, so the limit applies to all processes together. Counts that have not been added by the
end of a minute are dropped. Without Redis each process applies the limit to its own requests.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import cast

import redis

from heidi_common.redis.cache import Cache

WINDOW_SECONDS = 60
_BATCHES = 50
_MAX_KEYS = 100_000


@dataclass
class _Count:
    shared: int = 0
    """The count of all processes in Redis, when this process last added to it."""
    own: int = 0
    """Requests of this process that have not been added yet."""


@dataclass(frozen=True)
class RateLimitStatus:
    """How much of a limit has been used in the current minute. `reset` is in seconds from now."""

    limit: int
    used: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers `RateLimit` and `RateLimit-Policy`.

        Source: IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
        """
        remaining = max(self.limit - self.used, 0)
        return {
            "RateLimit": f"limit={self.limit}, remaining={remaining}, reset={self.reset}",
            "RateLimit-Policy": f"{self.limit};w={WINDOW_SECONDS}",
        }


class RequestCounter:
    """Counts requests per key. The windows are the minutes of the clock."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def hit(self, cache: Cache, key: str, limit: int, now: float) -> RateLimitStatus:
        """Count a request.

        Args:
            cache: The cache of the platform; the counts of all processes meet there.
            key: What is limited, such as `caller:<ID>`.
            limit: Requests per minute. Beyond it, counts are no longer added to Redis.
            now: Seconds since the epoch.
        """
        window = int(now // WINDOW_SECONDS)
        with self._lock:
            if window != self._window or len(self._counts) > _MAX_KEYS:
                self._window, self._counts = window, {}
            count = self._counts.setdefault(key, _Count())
            count.own += 1
            used = count.shared + count.own
            is_due = count.shared < limit and count.own >= max(1, (limit - count.shared) // _BATCHES)
            batch = count.own if is_due else 0
            if is_due:
                count.shared, count.own = used, 0
        if batch:
            used = self._add_batch(cache, f"rate:{key}:{window}", count, batch, used)
        return RateLimitStatus(limit, used, int((window + 1) * WINDOW_SECONDS - now) + 1)

    def _add_batch(self, cache: Cache, name: str, count: _Count, batch: int, used: int) -> int:
        def add(client: redis.Redis) -> int:
            with client.pipeline(transaction=False) as pipe:
                pipe.incrby(cache.key(name), batch)
                pipe.expire(cache.key(name), 2 * WINDOW_SECONDS)
                return cast(int, pipe.execute()[0])

        total = cache.attempt(add, 0)
        with self._lock:
            count.shared = max(count.shared, total)
        return max(used, total)
