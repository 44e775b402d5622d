"""The overall throttles: so many requests a minute for an address, so many for a caller.

They run on every request, so they may not cost a Redis round trip on every request. Each
process counts by itself and settles with Redis in batches of a fiftieth of what is left;
near the limit that is every request, so the limit is kept over all processes. What has
not been settled at the end of a minute is forgotten. Without Redis each process goes on
counting for itself: throttling gets coarser, nothing fails.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import cast

import redis
from flask import Flask, Response, current_app, g, request

from heidi_common.config.settings import Settings
from heidi_common.jwt.guards import Caller
from heidi_common.peers.signature import is_valid_peer
from heidi_common.problems import TooMany
from heidi_common.redis.cache import Cache, redis_cache
from heidi_common.runtime import current_settings

WINDOW_SECONDS = 60
_BATCHES = 50
_MAX_KEYS = 100_000
_UNTHROTTLED = frozenset(("/healthz", "/readyz", "/metrics"))


@dataclass
class _Count:
    settled: int = 0  # what Redis knew of all processes when we last asked
    own: int = 0  # what it was not yet told of ours


@dataclass(frozen=True)
class RateLimitStatus:
    """How far somebody is in this minute."""

    limit: int
    used: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        remaining = max(self.limit - self.used, 0)
        return {
            "RateLimit": f"limit={self.limit}, remaining={remaining}, reset={self.reset}",
            "RateLimit-Policy": f"{self.limit};w={WINDOW_SECONDS}",
        }


class RequestCounter:
    """Counts hits per key in windows of a minute that begin with the clock's minute."""

    def __init__(self) -> None:
        self._window = 0
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def hit(self, cache: Cache, key: str, limit: int, now: float) -> RateLimitStatus:
        """Count one, and tell where that leads; beyond the limit nothing is counted any more."""
        window = int(now // WINDOW_SECONDS)
        with self._lock:
            if window != self._window or len(self._counts) > _MAX_KEYS:
                self._window, self._counts = window, {}
            count = self._counts.setdefault(key, _Count())
            count.own += 1
            used = count.settled + count.own
            due = count.settled < limit and count.own >= max(1, (limit - count.settled) // _BATCHES)
            telling = count.own if due else 0
            if due:
                count.settled, count.own = used, 0
        if telling:
            used = self._settle(cache, f"rate:{key}:{window}", count, telling, used)
        return RateLimitStatus(limit, used, int((window + 1) * WINDOW_SECONDS - now) + 1)

    def _settle(self, cache: Cache, name: str, count: _Count, telling: int, used: int) -> int:
        def add(client: redis.Redis) -> int:
            with client.pipeline(transaction=False) as pipe:
                pipe.incrby(cache.key(name), telling)
                pipe.expire(cache.key(name), 2 * WINDOW_SECONDS)
                return cast(int, pipe.execute()[0])

        total = cache.attempt(add, 0)
        with self._lock:
            count.settled = max(count.settled, total)
        return max(used, total)


def init_rate_limit(app: Flask, settings: Settings) -> None:
    app.extensions["heidi_ratelimit"] = RequestCounter()
    app.before_request(throttle_address)
    app.after_request(_add_headers)


def throttle_address() -> None:
    """The before_request hook that comes before the guards: guessing tokens is throttled too."""
    _throttle("address", _network(request.remote_addr), current_settings().throttle_address_per_minute)


def throttle_caller() -> None:
    """The before_request hook that comes after the guards, which know who is asking."""
    caller: Caller | None = g.get("caller")
    if caller is not None:
        _throttle("caller", str(caller.id), current_settings().throttle_user_per_minute)


def _throttle(kind: str, name: str | None, limit: int) -> None:
    """A limit of 0 is none."""
    if not limit or name is None or request.path in _UNTHROTTLED or _is_exempt():
        return
    counter: RequestCounter = current_app.extensions["heidi_ratelimit"]
    standing = counter.hit(redis_cache(), f"{kind}:{name}", limit, time.time())
    if "standing" not in g or standing.limit - standing.used < g.standing.limit - g.standing.used:
        g.standing = standing
    if standing.used > limit:
        problem = TooMany("Too many requests. Try again later.", code="throttled", retry_after=standing.reset)
        problem.headers |= standing.headers
        raise problem


def _is_exempt() -> bool:
    """What a service asks was counted where its cause came in. On one's own machine, all comes from one address."""
    if is_valid_peer(request.headers):
        return True
    if current_settings().environment not in ("standalone", "test"):
        return False
    return not request.remote_addr or ip_address(request.remote_addr).is_loopback


@lru_cache(maxsize=1024)
def _network(address: str | None) -> str | None:
    """Who has one IPv6 address has the whole /64."""
    if not address:  # a Unix socket has none
        return None
    found = ip_address(address)
    return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


def _add_headers(response: Response) -> Response:
    """What others may cache does not carry one caller's standing."""
    standing: RateLimitStatus | None = g.get("standing")
    if standing is not None and "public" not in response.headers.get("Cache-Control", ""):
        for name, value in standing.headers.items():
            response.headers.setdefault(name, value)
    return response
