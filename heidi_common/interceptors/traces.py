"""The span of a request, the first one of its trace in the platform.

Own code instead of OpenTelemetry's package for Flask: that records whole paths, and links in e-mails contain tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response

from heidi_common.interceptors.logging import UNLOGGED_PATHS, logged_path
from heidi_common.runtime import current_request, current_state
from heidi_common.tracing import spans

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def init_tracing(app: Flask) -> None:
    """Register the hooks, if this process traces.

    Call this before the access log is registered: its lines then have the ID of the trace.
    """
    if spans.is_on():
        app.before_request(_begin)
        app.after_request(_describe)
        app.teardown_request(_end)


def _begin() -> None:
    current = current_request()
    if current.path in UNLOGGED_PATHS:
        return
    block = spans.entry_span(current.method, "server", current.environ.get("HTTP_TRACEPARENT"))
    state = current_state()
    state.trace, span = block, block.__enter__()
    if span is not None and span.is_recording():
        state.request_span = span


def _describe(response: Response) -> Response:
    span = current_state().get("request_span")
    if span is not None:
        _set_attributes(span, response)
    return response


def _set_attributes(span: Span, response: Response) -> None:
    current, rule = current_request(), current_request().url_rule
    attributes = {
        "http.request.method": current.method,
        "url.path": logged_path(current),
        "url.scheme": current.scheme,
        "http.response.status_code": response.status_code,
        "heidi.request_id": current_state().get("request_id", ""),
    }
    if rule is not None:
        span.update_name(f"{current.method} {rule.rule}")
        attributes["http.route"] = rule.rule
    span.set_attributes(attributes)
    if response.status_code >= 500:
        spans.fail(span, str(response.status_code))


def _end(_error: BaseException | None) -> None:
    block = current_state().pop("trace", None)
    if block is not None:
        block.__exit__(None, None, None)
