"""How a call reaches another service: over HTTP, or within this process if its app serves the other service too."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Flask, current_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from heidi_common.config.service_registry import SERVICES
from heidi_common.http_client.client import HttpClient, http_client
from heidi_common.http_client.errors import OutboundError
from heidi_common.logger.request_id import request_id
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.peers.signature import signature_headers
from heidi_common.runtime import current_settings
from heidi_common.tracing import spans

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_MAX_BYTES = 32 * 1024 * 1024
"""Enough for ten webhooks of maximum size, encoded in JSON."""


def service_url(service: str) -> str:
    """The base URL of a service: `PEER_URL` with `{service}` and `{port}` replaced."""
    settings = current_settings()
    port = SERVICES[service].port_from(settings.base_port)
    return settings.peer_url.format(service=service, port=port).rstrip("/")


def bind_transport(call: PeerRequest) -> Callable[[PeerRequest, float], PeerResponse]:
    """Select how a call is made, and bind what it needs of the current context.

    Returns:
        A function of the call and its timeout in seconds. It runs outside of the current context, so that a service in
        the same process does not see the session and the caller of this request.
    """
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
    headers = dict(call.headers) | signature_headers(call.headers) | {"X-Request-ID": request_id() or ""}
    parent = spans.traceparent()
    if f"docs-{call.service}" in app.blueprints:
        return partial(_call_in_process, app.wsgi_app, headers | ({"traceparent": parent} if parent else {}))
    return partial(_call_over_http, http_client(), service_url(call.service), headers, parent)


def _call_in_process(app: WSGIApplication, headers: dict[str, str], call: PeerRequest, _timeout: float) -> PeerResponse:
    started = time.perf_counter()
    builder = EnvironBuilder(
        call.path, method=call.method, query_string=dict(call.params), json=call.json, headers=list(headers.items())
    )
    body, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=True)
    content = b"".join(body)
    return PeerResponse(int(status[:3]), _parse(content), latency_ms=_milliseconds_since(started), content=content)


def _call_over_http(
    client: HttpClient, base: str, headers: dict[str, str], parent: str | None, call: PeerRequest, timeout: float
) -> PeerResponse:
    started = time.perf_counter()
    try:
        with spans.continued(parent):
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
    content = response.content
    return PeerResponse(response.status_code, _parse(content), latency_ms=_milliseconds_since(started), content=content)


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
