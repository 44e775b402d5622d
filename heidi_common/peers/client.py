"""Call other services, several in parallel. A call to an unavailable service returns `error` and does not raise."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import cache

from flask import request

from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.peers.transport import bind_transport

TIME_LIMIT = 3.0
_MAX_PARALLEL_CALLS = 32


def call_peer(call: PeerRequest, *, timeout: float = TIME_LIMIT) -> PeerResponse:
    """Call a service in this thread.

    Args:
        call: The call.
        timeout: Seconds for the whole call. Calls within the process have no separate timeout.
    """
    return Context().run(bind_transport(call), call, timeout)


def call_peers(calls: Mapping[str, PeerRequest], *, timeout: float = TIME_LIMIT) -> dict[str, PeerResponse]:
    """Make several calls in parallel.

    Args:
        calls: Name -> call. The names are free.
        timeout: Seconds for each call.

    Returns:
        Name -> response, after the slowest call.
    """
    running = {name: submit_peer(call, timeout=timeout) for name, call in calls.items()}
    return {name: future.result() for name, future in running.items()}


def submit_peer(call: PeerRequest, *, timeout: float = TIME_LIMIT) -> Future[PeerResponse]:
    """Start a call, which then runs in parallel to this thread."""
    return _pool().submit(bind_transport(call), call, timeout)


def caller_headers() -> dict[str, str]:
    """Headers that pass the caller of the current request on to another service: access token and IP address."""
    headers = {"X-Forwarded-For": request.remote_addr} if request.remote_addr else {}
    token = request.headers.get("Authorization")
    return headers | ({"Authorization": token} if token else {})


@cache
def _pool() -> ThreadPoolExecutor:
    """The thread pool. It is created by the first call, so that no thread exists when gunicorn forks its workers."""
    return ThreadPoolExecutor(_MAX_PARALLEL_CALLS, thread_name_prefix="peers")
