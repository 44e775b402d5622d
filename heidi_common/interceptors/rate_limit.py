"""Rate limits of the whole platform: requests per minute from an IP address, and of a caller.

`request_counter.py` counts; this module applies the limits to requests. Limits of sign-in attempts are in
`heidi_common/identity/login_throttle.py`.
"""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import Flask, Request, Response, current_app
from flask.ctx import _AppCtxGlobals

from heidi_common.config.settings import Settings
from heidi_common.interceptors.request_counter import RateLimitStatus, RequestCounter
from heidi_common.jwt.guards import Caller
from heidi_common.peers.signature import is_valid_peer
from heidi_common.problems import TooMany
from heidi_common.redis.cache import redis_cache
from heidi_common.runtime import current_request, current_state

_LIMITER = "heidi_rate_limiter"
_UNLIMITED_PATHS = frozenset(("/healthz", "/readyz", "/metrics"))


def init_rate_limit(app: Flask, settings: Settings) -> None:
    """Register the limit of an address. Register `throttle_caller` after the guards, which set the caller."""
    app.extensions[_LIMITER] = _Limiter(settings)
    app.before_request(throttle_address)
    app.after_request(_add_headers)


def throttle_address() -> None:
    """Limit the requests from an address (a before_request hook before the guards, so that it limits invalid tokens).

    Raises:
        TooMany: The address has reached THROTTLE_ADDRESS_PER_MINUTE.
    """
    limiter: _Limiter = current_app.extensions[_LIMITER]
    limiter.throttle_address(current_request(), current_state())


def throttle_caller() -> None:
    """Limit the requests of a user or machine client (a before_request hook after the guards).

    Raises:
        TooMany: The caller has reached THROTTLE_USER_PER_MINUTE.
    """
    state = current_state()
    caller: Caller | None = state.get("caller")
    if caller is not None:
        limiter: _Limiter = current_app.extensions[_LIMITER]
        limiter.throttle_caller(caller, current_request(), state)


class _Limiter:
    """The two limits of an app. A limit of 0 means no limit."""

    def __init__(self, settings: Settings) -> None:
        self._counter = RequestCounter()
        self._address_limit = settings.throttle_address_per_minute
        self._caller_limit = settings.throttle_user_per_minute
        self._exempts_loopback = settings.exempts_loopback

    def throttle_address(self, current: Request, state: _AppCtxGlobals) -> None:
        network = _network(current.remote_addr) if self._address_limit else None
        if network is not None and not self._is_exempt(current):
            self._hit(f"address:{network}", self._address_limit, state)

    def throttle_caller(self, caller: Caller, current: Request, state: _AppCtxGlobals) -> None:
        if self._caller_limit and not self._is_exempt(current):
            self._hit(f"caller:{caller.id}", self._caller_limit, state)

    def _hit(self, key: str, limit: int, state: _AppCtxGlobals) -> None:
        """Count a request. The headers show the status of the limit with the fewest requests remaining."""
        status = self._counter.hit(redis_cache(), key, limit, time.time())
        first: RateLimitStatus | None = state.get("rate_limit")
        if first is None or status.limit - status.used < first.limit - first.used:
            state.rate_limit = status
        if status.used > limit:
            raise _too_many(status)

    def _is_exempt(self, current: Request) -> bool:
        """A call from another service was counted when its cause reached the platform."""
        if current.path in _UNLIMITED_PATHS or is_valid_peer(current.headers):
            return True
        return self._exempts_loopback and _is_loopback(current.remote_addr)


def _too_many(status: RateLimitStatus) -> TooMany:
    detail = f"The limit of {status.limit} requests per minute is exceeded. Try again in {status.reset} seconds."
    problem = TooMany(detail, code="throttled", retry_after=status.reset)
    problem.headers |= status.headers
    return problem


@lru_cache(maxsize=1024)
def _is_loopback(address: str | None) -> bool:
    """Whether a request comes from this machine. A Unix socket has no address."""
    return not address or ip_address(address).is_loopback


@lru_cache(maxsize=1024)
def _network(address: str | None) -> str | None:
    """What counts as one address: for IPv6 the /64 network. A Unix socket has no address."""
    if not address:
        return None
    parsed = ip_address(address)
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _add_headers(response: Response) -> Response:
    """A response that shared caches may store does not contain the status of one caller."""
    status: RateLimitStatus | None = current_state().get("rate_limit")
    if status is not None and "public" not in response.headers.get("Cache-Control", ""):
        for name, value in status.headers.items():
            response.headers.setdefault(name, value)
    return response
