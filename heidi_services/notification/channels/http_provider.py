"""Calls of a provider's HTTP API, and the meaning of responses that the provider does not define itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from heidi_common.http_client.errors import BlockedURLError, OutboundError
from heidi_services.notification.channels.message import DeliveryOutcome, SendResult

if TYPE_CHECKING:  # every process imports the providers for their settings, but few call them
    import requests

    from heidi_common.http_client.client import HttpClient

TIMEOUT_SECONDS = 15.0
_TEMPORARY = frozenset({408, 425, 429})
_REJECTED_MESSAGE = frozenset({400, 413, 422})
ParseResponse: TypeAlias = "Callable[[requests.Response], SendResult | None]"
"""A provider's own interpretation of its response; None leaves the result to the HTTP status."""


def post(
    client: HttpClient,
    provider: str,
    url: str,
    parse: ParseResponse,
    *,
    trusted: bool = True,
    json: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
    **request: Any,
) -> SendResult:
    """POST to a provider.

    Args:
        parse: The provider's interpretation of the response, which takes precedence over `result_by_status`.
        trusted: False if a user supplied the URL: internal addresses are then blocked.
        json: The body as JSON. It is encoded in UTF-8 without escapes, which would multiply the size of most texts.
        timeout: Seconds for the whole call.
        request: Further arguments of the HTTP client, such as `data` or `auth`.

    Returns:
        The result. Failures of the network are part of it and are not raised.
    """
    if json is not None:
        request["data"] = orjson.dumps(json)
        headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    try:
        response = client.request("POST", url, timeout=timeout, trusted=trusted, headers=headers, **request)
    except OutboundError as error:
        return _result_without_response(provider, error)
    return parse(response) or result_by_status(provider, response)


def result_by_status(provider: str, response: requests.Response) -> SendResult:
    """Interpret the HTTP status of a response that the provider's documents do not define.

    Returns:
        Sent for 2xx only; temporary for 408, 425, 429 and 5xx; permanent for 400, 413 and 422, with which APIs reject
        the content of a request. Every other status (redirects, 401, 403, 404, ...) means that the URL or the
        credentials are wrong, which says nothing about the message or its recipient; and so does an HTML page,
        because it is not the response of an API.
    """
    status, code, excerpt = response.status_code, str(response.status_code), response.text[:300]
    if is_accepted(response):
        return SendResult(DeliveryOutcome.SENT, provider, code=code)
    if status in _TEMPORARY or status >= 500:
        pause = retry_after(response)
        return SendResult(DeliveryOutcome.TEMPORARY, provider, code=code, error=excerpt, retry_after=pause)
    if status in _REJECTED_MESSAGE and not is_html(response):
        return SendResult(DeliveryOutcome.PERMANENT, provider, code=code, error=excerpt)
    return misconfigured(provider, code, excerpt)


def is_accepted(response: requests.Response) -> bool:
    """Only 2xx means that the provider accepted the message; `response.ok` includes redirects."""
    return 200 <= response.status_code < 300


def is_html(response: requests.Response) -> bool:
    """Whether the response is a page for people: of a proxy, a load balancer or a wrong host."""
    return "html" in response.headers.get("Content-Type", "").lower()


def misconfigured(provider: str, code: str, error: str) -> SendResult:
    """The result of a call whose URL or credentials are wrong."""
    return SendResult(DeliveryOutcome.TECHNICAL, provider, code=code, error=error, misconfigured=True)


def retry_after(response: requests.Response) -> float | None:
    """Return `Retry-After` in seconds. The providers do not use the form with a date, so it is ignored."""
    header = response.headers.get("Retry-After", "")
    return float(header) if header.isascii() and header.isdigit() and len(header) < 7 else None


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object in the response's body; empty if the body is anything else."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _result_without_response(provider: str, error: OutboundError) -> SendResult:
    if isinstance(error, BlockedURLError):
        return SendResult(DeliveryOutcome.PERMANENT, provider, error=error.detail, recipient_gone=True)
    outcome = DeliveryOutcome.AMBIGUOUS if error.ambiguous else DeliveryOutcome.TECHNICAL
    return SendResult(outcome, provider, error=f"{type(error).__name__}: {error.detail}")
