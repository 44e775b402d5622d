"""Every error of every service in one shape (RFC 9457); what nobody foresaw is logged, never shown."""

from __future__ import annotations

import logging
from typing import Any

import redis
from flask import Flask, Response, current_app, g, request
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from heidi_common import problems
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
QUERY_CANCELED, LOCK_NOT_AVAILABLE = "57014", "55P03"


def init_errors(app: Flask) -> None:
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(NotModified, _not_modified)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(exc.SQLAlchemyError, _database)
    app.register_error_handler(redis.RedisError, _redis)
    app.register_error_handler(Exception, _unexpected)


def problem_response(problem: Problem) -> Response:
    """A problem as its HTTP answer; the audit trail says which it was."""
    g.problem = problem
    body = problem.body(instance=request.path, request_id=request_id())
    response = current_app.response_class(
        current_app.json.dumps(body), status=problem.status, mimetype="application/problem+json"
    )
    response.headers.update(problem.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def _http(error: HTTPException) -> Response:
    """What werkzeug raises (404, 405, 413 ...) in our shape; a ready response passes."""
    if error.response is not None or error.code is None:
        return error.get_response()  # type: ignore[return-value]
    kind = _BY_STATUS.get(error.code)
    if kind is None and error.code >= 500:
        return _unexpected(error)
    found = (kind or problems.BadRequest)(_detail(error))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        found.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return problem_response(found)


def _detail(error: HTTPException) -> str:
    known = {404: "There is nothing at this address.", 413: "The body is too large."}
    return known.get(error.code or 0) or str(error.description)


def _not_modified(found: NotModified) -> Response:
    response: Response = current_app.response_class(status=304)
    response.headers["ETag"] = found.tag
    return response


def _database(error: exc.SQLAlchemyError) -> Response:
    """PostgreSQL away is 503; a statement beyond the time limit is 503 `time_limit`; the rest is our mistake."""
    code = getattr(getattr(error, "orig", None), "pgcode", None)
    if code in (QUERY_CANCELED, LOCK_NOT_AVAILABLE):
        return problem_response(problems.Unavailable("The time limit of a request is passed.", code="time_limit"))
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)) or _connection_lost(error):
        log.warning("the database is away", extra={"error": type(error).__name__})
        return problem_response(problems.Unavailable("The database cannot be reached just now.", retry_after=2))
    return _unexpected(error)


def _connection_lost(error: exc.SQLAlchemyError) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def _redis(error: redis.RedisError) -> Response:
    log.warning("redis is away", extra={"error": type(error).__name__})
    return problem_response(problems.Unavailable("A part that this answer needs cannot be reached.", retry_after=2))


def _unexpected(error: Any) -> Response:
    log.error("unforeseen error", exc_info=error, extra={"method": request.method, "path": request.path})
    return problem_response(Problem("Something went wrong here; the request id helps to find it."))
