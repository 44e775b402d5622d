"""Errors as pages that say what to do. Nothing that the user typed is lost."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from heidi_common.logger.request_id import request_id
from heidi_console.api.problems import ApiProblem
from heidi_console.browser_security import SAFE_METHODS
from heidi_console.forms.base import RECENT_SIGN_IN, keep_draft, typed_fields
from heidi_console.session import signed_in
from heidi_console.session.problems import SessionEnded, SessionsUnavailable

Page = tuple[str, int, dict[str, str]]
REPEATABLE = frozenset({409, 412, 429})
"""Statuses after which the same request may succeed later, as after all errors of servers."""


def init_error_pages(app: Flask) -> None:
    """Register the pages of all errors."""
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(SessionEnded, _session_ended)
    app.register_error_handler(CSRFError, _csrf_failed)
    app.register_error_handler(SessionsUnavailable, lambda error: _page(503, code="sessions_unavailable"))
    app.register_error_handler(ApiProblem, _api_problem)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _session_ended(_error: SessionEnded) -> Response:
    """Lead to sign-in, and back to the same page with what the user typed."""
    user = signed_in.current_user()
    signed_in.delete_session()
    if request.method not in SAFE_METHODS:
        keep_draft(user["id"] if user else None)
    session["ended"] = user is not None or current_app.session_interface.get_cookie_name(current_app) in request.cookies
    return redirect(url_for("sign_in.form", next=_page_to_return_to()), 303)  # type: ignore[return-value]


def _page_to_return_to() -> str:
    """The path of this page; that of the page with the button, if this is an action without a page."""
    if request.method in SAFE_METHODS:
        return request.full_path.rstrip("?")
    if request.url_rule is not None and "GET" in (request.url_rule.methods or ()):
        return request.path
    referrer = urlsplit(request.referrer or "")
    return f"{referrer.path}?{referrer.query}".rstrip("?") if referrer.netloc == request.host else url_for("home.list")


def _csrf_failed(error: CSRFError) -> Response | Page:
    """An ended session has no token any more; a request from another site must have no effect at all."""
    if getattr(session, "unavailable", False):
        return _page(503, code="sessions_unavailable")
    origin = request.headers.get("Origin")
    own = origin is not None and urlsplit(origin).netloc == request.host
    if own and signed_in.current_user() is None and request.endpoint != "sign_in.form":
        return _session_ended(SessionEnded())
    return _page(403, code="csrf")


def _api_problem(problem: ApiProblem) -> Page:
    if problem.code == RECENT_SIGN_IN:
        keep_draft((signed_in.current_user() or {}).get("id"))
    status = problem.status if problem.status in (403, 404, 409, 412, 422, 429) else 503
    return _page(status, problem=problem)


def _http_error(error: HTTPException) -> Response | Page:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    return _page(error.code)


def _unexpected(_error: Exception) -> Page:
    current_app.logger.exception("unexpected error")
    return _page(500)


def _page(status: int, *, code: str = "", problem: ApiProblem | None = None) -> Page:
    """A page that says what to do. After a form or a button it offers to send the same again."""
    repeat = typed_fields() if request.method == "POST" and (status in REPEATABLE or status >= 500) else None
    page = render_template(
        "errors/error.html",
        status=status,
        code=code,
        problem=problem,
        repeat=repeat,
        return_to=_page_to_return_to(),
        logged_as=problem.request_id if problem else request_id() if status >= 500 else None,
    )
    return page, status, {"Retry-After": str(problem.retry_after)} if problem and problem.retry_after else {}
