"""The other services, asked over HTTP, several at once: one that is down costs its own part of the answer only.

Where one app serves all seven there may be no other server to ask: then the app is asked in the same process.
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
from heidi_common.http_client.client import HttpClient, http_client
from heidi_common.http_client.errors import OutboundError
from heidi_common.logger.request_id import request_id
from heidi_common.peers.signature import signature_headers
from heidi_common.runtime import current_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

TIME_LIMIT = 3.0
_MAX_AT_ONCE = 32
_MAX_BYTES = 32 * 1024 * 1024
"""Ten webhooks, each as large as one may be, with room to write them in JSON."""


@dataclass(frozen=True)
class PeerRequest:
    """One question to one service."""

    service: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PeerResponse:
    """`status` is None when there was no answer; then `error` says why and `ambiguous` whether it may have acted."""

    status: int | None
    body: Any = None
    error: str | None = None
    latency_ms: float = 0.0
    ambiguous: bool = False

    @property
    def ok(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def data(self) -> Any:
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def meta(self) -> dict[str, Any]:
        return self.body.get("meta", {}) if isinstance(self.body, dict) else {}


def service_url(service: str) -> str:
    """Where a service listens, by `PEER_URL` (`{port}` and `{service}` are filled in)."""
    settings = current_settings()
    port = SERVICES[service].port_from(settings.base_port)
    return settings.peer_url.format(service=service, port=port).rstrip("/")


def call_peer(call: PeerRequest, *, timeout: float = TIME_LIMIT) -> PeerResponse:
    """One call, in this thread."""
    return Context().run(_transport(call), call, timeout)


def call_peers(calls: Mapping[str, PeerRequest], *, timeout: float = TIME_LIMIT) -> dict[str, PeerResponse]:
    """All calls at once; takes as long as the slowest, at most `timeout` seconds."""
    running: dict[str, Future[PeerResponse]] = {
        name: _pool().submit(_transport(call), call, timeout) for name, call in calls.items()
    }
    return {name: future.result() for name, future in running.items()}


def caller_headers() -> dict[str, str]:
    """Headers with which a peer sees the present caller: their token and their address."""
    headers = {"X-Forwarded-For": request.remote_addr} if request.remote_addr else {}
    token = request.headers.get("Authorization")
    return headers | ({"Authorization": token} if token else {})


@cache
def _pool() -> ThreadPoolExecutor:
    """Made at the first question, so that no thread exists when a server forks its workers."""
    return ThreadPoolExecutor(_MAX_AT_ONCE, thread_name_prefix="peers")


def _transport(call: PeerRequest) -> Callable[[PeerRequest, float], PeerResponse]:
    """How to put a question. It runs outside the present context: what it needs of that is taken along, and a peer
    in the same process must not find our request's session and caller."""
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
        answer = client.request(
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
    return PeerResponse(answer.status_code, _parse(answer.content), latency_ms=_milliseconds_since(started))


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
