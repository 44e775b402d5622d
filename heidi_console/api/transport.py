"""One request to the API. The console calls the services directly, as the router does, on behalf of the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import requests
from flask import request

from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import OutboundError
from heidi_common.peers.transport import service_url
from heidi_console.api.problems import ApiProblem, ApiUnavailable

TIMEOUT_SECONDS = 20.0
MAX_BYTES = 16 * 1024 * 1024
SERVICES_BY_PATH = {
    "auth": "auth",
    "users": "users",
    "cities": "city",
    "core": "core",
    "files": "files",
    "notifications": "notification",
    "schedules": "scheduler",
    "integrations": "integration",
}
"""The first part of a path -> the service. It repeats the prefixes of the router."""


@dataclass(frozen=True)
class ApiCall:
    """A request: its path begins after `/api/v1`. Its body is JSON, or bytes with their type in `headers`."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiResponse:
    """A successful response.

    Attributes:
        data: The member `data` of the body, or the whole body if it has none.
        meta: The member `meta`: paging of lists.
        etag: The version of the resource, for `If-Match`.
        content: The body as bytes.
    """

    status: int
    data: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


def send(call: ApiCall, token: str | None = None) -> ApiResponse:
    """Send a request.

    Args:
        call: The request.
        token: The access token of the user; None for public endpoints.

    Raises:
        ApiProblem: The API has rejected the request.
        ApiUnavailable: The service did not respond.
    """
    service = SERVICES_BY_PATH[call.path.strip("/").partition("/")[0]]
    try:
        response = http_client().request(
            call.method,
            f"{service_url(service)}/api/v1{call.path}",
            params={name: _query_value(value) for name, value in call.params.items() if value not in (None, "")},
            json=call.json,
            data=call.content,
            headers=_headers(call, token),
            timeout=TIMEOUT_SECONDS,
            trusted=True,
            max_bytes=MAX_BYTES,
        )
    except OutboundError as error:
        raise ApiUnavailable(service, ambiguous=error.ambiguous) from error
    return _parse(response)


def _query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _headers(call: ApiCall, token: str | None) -> dict[str, str]:
    """The services see the browser's address and user agent, so that limits, sessions and audit name them."""
    headers = {"X-Forwarded-For": request.remote_addr or "", "User-Agent": request.headers.get("User-Agent", "")}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers | dict(call.headers)


def _parse(response: requests.Response) -> ApiResponse:
    try:
        body = orjson.loads(response.content) if response.content else {}
    except orjson.JSONDecodeError:
        body = {}
    if response.status_code >= 400:
        raise ApiProblem(response.status_code, body if isinstance(body, dict) else {}, _retry_after(response))
    meta = body.get("meta", {}) if isinstance(body, dict) else {}
    data = body.get("data", body) if isinstance(body, dict) else body
    etag = response.headers.get("ETag")
    return ApiResponse(response.status_code, data, meta, etag, response.headers, response.content)


def _retry_after(response: requests.Response) -> int | None:
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdecimal() else None
