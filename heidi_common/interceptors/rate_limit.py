"""Rate limits of the whole platform: requests per minute from an IP address, and of a caller.

`request_counter.py` counts; this module applies the limits to requests. Limits of sign-in attempts are in
`heidi_common/identity/login_throttle.py`.
"""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import Flask, Response, current_app, g, request

from heidi_common.config.settings import Settings
from heidi_common.interceptors.request_counter import RateLimitStatus, RequestCounter
from heidi_common.jwt.guards import Caller
from heidi_common.peers.signature import is_valid_peer
from heidi_common.problems import TooMany
from heidi_common.redis.cache import redis_cache
from heidi_common.runtime import current_settings

_COUNTER = "heidi_ratelimit"
_UNLIMITED_PATHS = frozenset(("/healthz", "/readyz", "/metrics"))


def init_rate_limit(app: Flask, settings: Settings) -> None:
    """Register the limit of an address. Register `throttle_caller` after the guards, which set the caller."""
    app.extensions[_COUNTER] = RequestCounter()
    app.before_request(throttle_address)
    app.after_request(_add_headers)


def throttle_address() -> None:
    """Limit the requests from an address (a before_request hook before the guards, so that it limits invalid tokens).

    Raises:
        TooMany: The address has reached THROTTLE_ADDRESS_PER_MINUTE.
    """
    _throttle("address", _network(request.remote_addr), current_settings().throttle_address_per_minute)


def throttle_caller() -> None:
    """Limit the requests of a user or machine client (a before_request hook after the guards).

    Raises:
        TooMany: The caller has reached THROTTLE_USER_PER_MINUTE.
    """
    caller: Caller | None = g.get("caller")
    if caller is not None:
        _throttle("caller", str(caller.id), current_settings().throttle_user_per_minute)


def _throttle(kind: str, name: str | None, limit: int) -> None:
    """A limit of 0 means no limit. The headers show the status of the limit with the fewest requests remaining."""
    if not limit or name is None or request.path in _UNLIMITED_PATHS or _is_exempt():
        return
    counter: RequestCounter = current_app.extensions[_COUNTER]
    status = counter.hit(redis_cache(), f"{kind}:{name}", limit, time.time())
    if "rate_limit" not in g or status.limit - status.used < g.rate_limit.limit - g.rate_limit.used:
        g.rate_limit = status
    if status.used > limit:
        raise _too_many(status)


def _too_many(status: RateLimitStatus) -> TooMany:
    detail = f"The limit of {status.limit} requests per minute is exceeded. Try again in {status.reset} seconds."
    problem = TooMany(detail, code="throttled", retry_after=status.reset)
    problem.headers |= status.headers
    return problem


def _is_exempt() -> bool:
    """Calls between services are exempt: the client's request has been counted already. Requests from the loopback
    address are exempt in standalone and in tests, where all clients use it."""
    if is_valid_peer(request.headers):
        return True
    if current_settings().environment not in ("standalone", "test"):
        return False
    return not request.remote_addr or ip_address(request.remote_addr).is_loopback


@lru_cache(maxsize=1024)
def _network(address: str | None) -> str | None:
    """What counts as one address: for IPv6 the /64 network. A Unix socket has no address."""
    if not address:
        return None
    parsed = ip_address(address)
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _add_headers(response: Response) -> Response:
    """A response that shared caches may store does not contain the status of one caller."""
    status: RateLimitStatus | None = g.get("rate_limit")
    if status is not None and "public" not in response.headers.get("Cache-Control", ""):
        for name, value in status.headers.items():
            response.headers.setdefault(name, value)
    return response
