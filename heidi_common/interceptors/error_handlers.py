"""Turn exceptions into responses: problem details for clients, a traceback in the log for unexpected errors.

Source: RFC 9457 (Problem Details for HTTP APIs).
"""

from __future__ import annotations

import logging
from typing import Any

import redis
from flask import Flask, Response, current_app, g, request
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from heidi_common import problems
from heidi_common.database.disk_space import disk_full
from heidi_common.interceptors.conditional import NotModified
from heidi_common.logger.request_id import request_id
from heidi_common.problems import Problem

log = logging.getLogger(__name__)
_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        problems.BadRequest,
        problems.Forbidden,
        problems.NotFound,
        problems.MethodNotAllowed,
        problems.NotAcceptable,
        problems.Conflict,
        problems.PreconditionFailed,
        problems.TooLarge,
        problems.UnsupportedMediaType,
    )
}
_DETAILS = {404: "No resource exists at this URL.", 413: "The request body is too large."}
"""Status -> detail, where that of werkzeug is not helpful."""
QUERY_CANCELED, LOCK_NOT_AVAILABLE = "57014", "55P03"
"""SQLSTATE codes of a statement that exceeded the time limit of a request."""
DISK_FULL = "53100"
"""SQLSTATE code of a statement for which the disk has no space."""


def init_errors(app: Flask) -> None:
    """Register the error handlers of an app."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(NotModified, _not_modified)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(exc.SQLAlchemyError, _database)
    app.register_error_handler(redis.RedisError, _redis)
    app.register_error_handler(Exception, _unexpected)


def problem_response(problem: Problem) -> Response:
    """The response of a problem. `g.problem` keeps the problem for the audit trail."""
    g.problem = problem
    body = problem.body(instance=request.path, request_id=request_id())
    response = current_app.response_class(
        current_app.json.dumps(body), status=problem.status, mimetype="application/problem+json"
    )
    response.headers.update(problem.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def _http(error: HTTPException) -> Response:
    """Errors of werkzeug (404, 405, 413 ...) as problem details. An error that carries a complete response keeps it."""
    if error.response is not None or error.code is None:
        return error.get_response()  # type: ignore[return-value]
    kind = _BY_STATUS.get(error.code)
    if kind is None and error.code >= 500:
        return _unexpected(error)
    problem = (kind or problems.BadRequest)(_detail(error))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        problem.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return problem_response(problem)


def _detail(error: HTTPException) -> str:
    return _DETAILS.get(error.code or 0) or str(error.description)


def _not_modified(not_modified: NotModified) -> Response:
    response: Response = current_app.response_class(status=304)
    response.headers["ETag"] = not_modified.tag
    return response


def _database(error: exc.SQLAlchemyError) -> Response:
    """503 if PostgreSQL is unavailable or a statement exceeded the time limit, 507 on a full disk, otherwise 500."""
    code = getattr(getattr(error, "orig", None), "pgcode", None)
    if code in (QUERY_CANCELED, LOCK_NOT_AVAILABLE):
        return problem_response(problems.Unavailable("The request exceeded its time limit.", code="time_limit"))
    if code == DISK_FULL:
        log.error("the disk of the database is full")
        return problem_response(disk_full())
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)) or _connection_lost(error):
        log.warning("database is unavailable", extra={"error": type(error).__name__})
        return problem_response(
            problems.Unavailable("The database is currently unavailable. Try again later.", retry_after=2)
        )
    return _unexpected(error)


def _connection_lost(error: exc.SQLAlchemyError) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def _redis(error: redis.RedisError) -> Response:
    log.warning("redis is unavailable", extra={"error": type(error).__name__})
    detail = "A service required to process this request is currently unavailable. Try again later."
    return problem_response(problems.Unavailable(detail, retry_after=2))


def _unexpected(error: Any) -> Response:
    log.error("unexpected error", exc_info=error, extra={"method": request.method, "path": request.path})
    return problem_response(Problem("An unexpected error occurred. Quote the request ID when reporting it."))
