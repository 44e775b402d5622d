"""LoggingInterceptor: the ID of a request, its duration, and one access log line for each request."""

from __future__ import annotations

import logging
import time

from flask import Flask, Request, Response

from heidi_common.jwt.guards import Caller
from heidi_common.logger.json_lines import log_fields
from heidi_common.logger.request_id import bind_request_id, unbind_request_id
from heidi_common.runtime import current_request, current_state

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
    state = current_state()
    state.started = time.perf_counter()
    state.request_id, state.request_id_token = bind_request_id(current_request().headers.get("X-Request-ID"))


def _finish(response: Response) -> Response:
    state, current = current_state(), current_request()
    duration = time.perf_counter() - state.started
    response.headers["X-Request-ID"] = state.request_id
    response.headers["Server-Timing"] = f"app;dur={duration * 1000:.1f}"
    if response.status_code == 204:
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
    if current.path not in UNLOGGED_PATHS:
        _log_access(current, response, duration, state.get("caller"))
    return response


def _log_access(current: Request, response: Response, duration: float, caller: Caller | None) -> None:
    rule = current.url_rule.rule if current.url_rule else None
    fields = {
        "method": current.method,
        "path": logged_path(current),
        "route": rule,
        "status": response.status_code,
        "durationMs": round(duration * 1000, 1),
        "address": current.remote_addr,
    }
    if caller:
        fields["caller"] = caller.claims["sub"]
    log_fields(log, "request", fields)


def logged_path(current: Request) -> str:
    """The path without its query string, which may contain personal data, and without a token."""
    rule = current.url_rule.rule if current.url_rule else None
    return rule if rule and "<token>" in rule else current.path


def _end(_error: BaseException | None) -> None:
    token = current_state().pop("request_id_token", None)
    if token is not None:
        unbind_request_id(token)
