"""Calls of the API as the signed-in user. An expired access token is refreshed once.

messages = calls.get("/notifications", status="FAILED", limit=50)
both = calls.get_all({"user": read("/users/me"), "devices": read("/notifications/devices")})
calls.post(f"/notifications/{message_id}/retry", key=form.request_key.data)
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Any

from heidi_console.api.problems import ApiProblem
from heidi_console.api.transport import ApiCall, ApiResponse, send
from heidi_console.session import signed_in

MAX_PARALLEL_READS = 16
"""Of all requests of a process together."""


def get(path: str, *, if_none_match: str | None = None, **params: Any) -> ApiResponse:
    """Read a resource.

    Args:
        path: The path after `/api/v1`.
        if_none_match: The version that the browser has; if it is the current one, the status is 304.
        params: The query. Parameters that are None or empty are left out.

    Raises:
        ApiProblem: The API has rejected the request, or a service did not respond.
        SessionEnded: The session has ended.
    """
    headers = {"If-None-Match": if_none_match} if if_none_match else {}
    return call(ApiCall("GET", path, params=params, headers=headers))


def read(path: str, **params: Any) -> ApiCall:
    """A read for `get_all`; the arguments are those of `get`."""
    return ApiCall("GET", path, params=params)


def get_all(reads: Mapping[str, ApiCall]) -> dict[str, ApiResponse | ApiProblem]:
    """Read several resources at the same time.

    Args:
        reads: Name -> read. The names are free.

    Returns:
        Name -> the response, or why there is none, after the slowest read.

    Raises:
        SessionEnded: The session has ended.
    """
    token = signed_in.access_token()
    running = {name: _pool().submit(copy_context().run, send, read, token) for name, read in reads.items()}
    results = {name: _result(future) for name, future in running.items()}
    rejected = [name for name, result in results.items() if isinstance(result, ApiProblem) and result.status == 401]
    return results | {name: _try(reads[name]) for name in rejected}


def post(path: str, body: Any = None, *, key: str | None = None, **params: Any) -> ApiResponse:
    """Create a resource, or act on one.

    Args:
        path: The path after `/api/v1`.
        body: The JSON body.
        key: The idempotency key, so that a form that is submitted twice has one effect.
        params: The query.

    Raises:
        ApiProblem: The API has rejected the request, or a service did not respond.
        SessionEnded: The session has ended.
    """
    return call(ApiCall("POST", path, params=params, json=body, headers={"Idempotency-Key": key} if key else {}))


def upload(path: str, content: bytes, content_type: str, *, key: str | None = None, **params: Any) -> ApiResponse:
    """Send a file as the body of a POST. Raises what `get` raises.

    Args:
        path: The path after `/api/v1`.
        content: The file.
        content_type: Its media type.
        key: The idempotency key.
        params: The query.
    """
    headers = {"Content-Type": content_type} | ({"Idempotency-Key": key} if key else {})
    return call(ApiCall("POST", path, params=params, content=content, headers=headers))


def patch(path: str, body: Any, *, etag: str | None = None) -> ApiResponse:
    """Change a resource, unless it has changed since the version `etag`. Raises what `get` raises."""
    return call(ApiCall("PATCH", path, json=body, headers=_if_match(etag)))


def put(path: str, body: Any) -> ApiResponse:
    """Replace a resource. Raises what `get` raises."""
    return call(ApiCall("PUT", path, json=body))


def delete(path: str, *, etag: str | None = None, **params: Any) -> ApiResponse:
    """Delete a resource, unless it has changed since the version `etag`. Raises what `get` raises."""
    return call(ApiCall("DELETE", path, params=params, headers=_if_match(etag)))


def call(request: ApiCall) -> ApiResponse:
    """Send a request with the user's access token.

    Raises:
        ApiProblem: The API has rejected the request, or a service did not respond.
        SessionEnded: The session has ended.
    """
    token = signed_in.access_token()
    try:
        return send(request, token)
    except ApiProblem as problem:
        if problem.status != 401:
            raise
    return send(request, signed_in.refresh(token))


def _result(future: Future[ApiResponse]) -> ApiResponse | ApiProblem:
    try:
        return future.result()
    except ApiProblem as problem:
        return problem


def _try(request: ApiCall) -> ApiResponse | ApiProblem:
    try:
        return call(request)
    except ApiProblem as problem:
        return problem


@cache
def _pool() -> ThreadPoolExecutor:
    """It is created by the first call, so that no thread exists when gunicorn forks its workers."""
    return ThreadPoolExecutor(MAX_PARALLEL_READS, thread_name_prefix="reads")


def _if_match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
