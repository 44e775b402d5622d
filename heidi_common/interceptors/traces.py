"""The span of a request, the first one of its trace in the platform.

Own code instead of OpenTelemetry's package for Flask: that records whole paths, and links in e-mails contain tokens.
"""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, Response

from heidi_common.interceptors.logging import UNLOGGED_PATHS, logged_path
from heidi_common.runtime import current_request, current_state
from heidi_common.tracing import spans


def init_tracing(app: Flask) -> None:
    """Register the hooks, if this process traces.

    Call this before the access log is registered: its lines then have the ID of the trace.
    """
    if spans.is_on():
        app.before_request(_begin)
        app.after_request(_describe)
        app.teardown_request(_end)


def _begin() -> None:
    current, state = current_request(), current_state()
    if current.path in UNLOGGED_PATHS:
        return
    state.trace = ExitStack()
    parent = current.headers.get("traceparent")
    state.request_span = state.trace.enter_context(spans.entry_span(current.method, "server", parent))


def _describe(response: Response) -> Response:
    span = current_state().get("request_span")
    if span is not None and span.is_recording():
        current, rule = current_request(), current_request().url_rule
        if rule is not None:
            span.update_name(f"{current.method} {rule.rule}")
            span.set_attribute("http.route", rule.rule)
        span.set_attributes(
            {
                "http.request.method": current.method,
                "url.path": logged_path(current),
                "url.scheme": current.scheme,
                "http.response.status_code": response.status_code,
                "heidi.request_id": current_state().get("request_id", ""),
            }
        )
        if response.status_code >= 500:
            spans.fail(span, str(response.status_code))
    return response


def _end(_error: BaseException | None) -> None:
    trace = current_state().pop("trace", None)
    if trace is not None:
        trace.close()
