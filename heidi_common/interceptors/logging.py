"""LoggingInterceptor: the ID of a request, its duration, and one access log line for each request."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack

from flask import Flask, Response, g, request

from heidi_common.logger.request_id import bound_request_id

log = logging.getLogger("heidi.access")
UNLOGGED_PATHS = ("/healthz", "/readyz", "/metrics")


def init_request_logging(app: Flask) -> None:
    """Register the hooks of request ID, duration and access log.

    Call this before other hooks are registered: their log lines then have the request ID, and the access log line is
    written when the response is complete.
    """
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_end)


def _begin() -> None:
    g.started = time.perf_counter()
    g.stack = ExitStack()
    g.request_id = g.stack.enter_context(bound_request_id(request.headers.get("X-Request-ID")))


def _finish(response: Response) -> Response:
    duration = time.perf_counter() - g.started
    response.headers["X-Request-ID"] = g.request_id
    response.headers["Server-Timing"] = f"app;dur={duration * 1000:.1f}"
    if response.status_code == 204:
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
    if request.path not in UNLOGGED_PATHS:
        _log_access(response, duration)
    return response


def _log_access(response: Response, duration: float) -> None:
    """The query string is not logged, since it may contain personal data; neither is a token in a path."""
    rule = request.url_rule.rule if request.url_rule else None
    fields = {
        "method": request.method,
        "path": rule if rule and "<token>" in rule else request.path,
        "route": rule,
        "status": response.status_code,
        "durationMs": round(duration * 1000, 1),
        "address": request.remote_addr,
    }
    caller = g.get("caller")
    log.info("request", extra=fields | ({"caller": caller.claims["sub"]} if caller else {}))


def _end(_error: BaseException | None) -> None:
    stack = g.pop("stack", None)
    if stack is not None:
        stack.close()
