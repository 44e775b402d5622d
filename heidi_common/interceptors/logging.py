"""What happens around every request: id, time limit, access log line, security headers, CORS."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask, Response, g, request

from heidi_common.config.settings import Settings
from heidi_common.logger.request_id import bound_request_id

log = logging.getLogger("heidi.access")
QUIET = ("/healthz", "/readyz", "/metrics")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer has that does not say otherwise."""
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE"
CORS_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, Last-Event-ID"
CORS_EXPOSED = "ETag, Link, Retry-After, X-Request-ID, Idempotent-Replayed, RateLimit, RateLimit-Policy, X-Cache"


def init_hooks(app: Flask, settings: Settings) -> None:
    """Register in the order in which they must run: the id first, so that every later line has it."""
    app.before_request(_begin(settings))
    app.after_request(_finish(settings))
    app.teardown_request(_end)


def _begin(settings: Settings) -> Callable[[], Response | None]:
    def begin() -> Response | None:
        g.started = time.perf_counter()
        g.deadline = time.monotonic() + settings.request_time_limit
        g.stack = ExitStack()
        g.request_id = g.stack.enter_context(bound_request_id(request.headers.get("X-Request-ID")))
        return Response(status=204) if request.method == "OPTIONS" and "Origin" in request.headers else None

    return begin


def _finish(settings: Settings) -> Callable[[Response], Response]:
    origins = frozenset(settings.cors_origins)

    def finish(response: Response) -> Response:
        took = time.perf_counter() - g.started
        headers = response.headers
        # Each look into werkzeug's headers goes through all of them: one look for all names.
        said = {name.lower() for name, _ in headers}
        headers.extend([(name, value) for name, value in HEADERS.items() if name.lower() not in said])
        headers["X-Request-ID"] = g.request_id
        headers["Server-Timing"] = f"app;dur={took * 1000:.1f}"
        if origins:
            _cors(response, origins)
        if response.status_code == 204:
            response.set_data(b"")
            headers.pop("Content-Type", None)
        if request.path not in QUIET:
            _access_line(response, took)
        return response

    return finish


def _access_line(response: Response, took: float) -> None:
    """One line for each request; the query string stays out of it, since it may hold personal data."""
    rule = request.url_rule.rule if request.url_rule else None
    fields = {
        "method": request.method,
        "path": rule if rule and "<token>" in rule else request.path,
        "route": rule,
        "status": response.status_code,
        "durationMs": round(took * 1000, 1),
        "address": request.remote_addr,
    }
    caller = g.get("caller")
    log.info("request", extra=fields | ({"caller": caller.claims["sub"]} if caller else {}))


def _cors(response: Response, origins: frozenset[str]) -> None:
    """An allow-list; no credentials, since tokens travel in a header."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = CORS_METHODS
        response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"


def _end(_error: BaseException | None) -> None:
    stack = g.pop("stack", None)
    if stack is not None:
        stack.close()
