"""Call other services, several in parallel. A service that is unavailable yields a response with `error`, no exception.

If the app of this process serves the other service too, the call is made within the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Flask, current_app, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from heidi_common.config.service_registry import SERVICES
from heidi_common.http_client.client import HttpClient, OutboundError, http_client
from heidi_common.logger.request_id import request_id
from heidi_common.peers.signature import signature_headers
from heidi_common.runtime import current_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

TIME_LIMIT = 3.0
_MAX_PARALLEL_CALLS = 32
_MAX_BYTES = 32 * 1024 * 1024
"""Enough for ten webhooks of maximum size, encoded in JSON."""


@dataclass(frozen=True)
class PeerRequest:
    """A call to another service.

    Args:
        service: The name of the service, a key of SERVICES.
        path: The path, such as `/api/v1/users/me`.
        params: The query.
        method: The HTTP method.
        json: The body.
        headers: Further headers, usually `caller_headers()`.
    """

    service: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PeerResponse:
    """The result of a call. Without a response `status` is None; then `error` is the reason, and `ambiguous` is true if
    the service may have processed the request."""

    status: int | None
    body: Any = None
    error: str | None = None
    latency_ms: float = 0.0
    ambiguous: bool = False

    @property
    def ok(self) -> bool:
        """Whether the service responded with success."""
        return self.status is not None and self.status < 300

    @property
    def data(self) -> Any:
        """`data` of the envelope; None for any other body."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def meta(self) -> dict[str, Any]:
        """`meta` of the envelope; empty for any other body."""
        return self.body.get("meta", {}) if isinstance(self.body, dict) else {}


def service_url(service: str) -> str:
    """The base URL of a service: `PEER_URL` with `{service}` and `{port}` replaced."""
    settings = current_settings()
    port = SERVICES[service].port_from(settings.base_port)
    return settings.peer_url.format(service=service, port=port).rstrip("/")


def call_peer(call: PeerRequest, *, timeout: float = TIME_LIMIT) -> PeerResponse:
    """Call a service in this thread.

    Args:
        call: The call.
        timeout: Seconds for the whole call. Calls within the process have no timeout of their own.
    """
    return Context().run(_transport(call), call, timeout)


def call_peers(calls: Mapping[str, PeerRequest], *, timeout: float = TIME_LIMIT) -> dict[str, PeerResponse]:
    """Make several calls in parallel.

    Args:
        calls: Name -> call. The names are free.
        timeout: Seconds for each call.

    Returns:
        Name -> response, after the slowest call.
    """
    running: dict[str, Future[PeerResponse]] = {
        name: _pool().submit(_transport(call), call, timeout) for name, call in calls.items()
    }
    return {name: future.result() for name, future in running.items()}


def caller_headers() -> dict[str, str]:
    """Headers that pass the caller of the current request on to another service: access token and IP address."""
    headers = {"X-Forwarded-For": request.remote_addr} if request.remote_addr else {}
    token = request.headers.get("Authorization")
    return headers | ({"Authorization": token} if token else {})


@cache
def _pool() -> ThreadPoolExecutor:
    """The thread pool. It is created by the first call, so that no thread exists when gunicorn forks its workers."""
    return ThreadPoolExecutor(_MAX_PARALLEL_CALLS, thread_name_prefix="peers")


def _transport(call: PeerRequest) -> Callable[[PeerRequest, float], PeerResponse]:
    """Select how a call is made. The result runs outside of the current context, so that a service in the same process
    does not see the session and the caller of this request; what it needs of the context is bound here."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    headers = dict(call.headers) | signature_headers(call.headers) | {"X-Request-ID": request_id() or ""}
    if f"docs-{call.service}" in app.blueprints:
        return partial(_call_in_process, app.wsgi_app, headers)
    return partial(_call_over_http, http_client(), service_url(call.service), headers)


def _call_in_process(app: WSGIApplication, headers: dict[str, str], call: PeerRequest, _timeout: float) -> PeerResponse:
    started = time.perf_counter()
    builder = EnvironBuilder(
        call.path, method=call.method, query_string=dict(call.params), json=call.json, headers=list(headers.items())
    )
    body, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=True)
    return PeerResponse(int(status[:3]), _parse(b"".join(body)), latency_ms=_milliseconds_since(started))


def _call_over_http(
    client: HttpClient, base: str, headers: dict[str, str], call: PeerRequest, timeout: float
) -> PeerResponse:
    started = time.perf_counter()
    try:
        response = client.request(
            call.method,
            base + call.path,
            params=dict(call.params),
            json=call.json,
            headers=headers,
            timeout=timeout,
            trusted=True,
            max_bytes=_MAX_BYTES,
        )
    except OutboundError as error:
        return PeerResponse(
            None, error=type(error).__name__, latency_ms=_milliseconds_since(started), ambiguous=error.ambiguous
        )
    return PeerResponse(response.status_code, _parse(response.content), latency_ms=_milliseconds_since(started))


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
