"""Calls of a provider's HTTP API, and the meaning of responses that the provider does not define itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from heidi_common.http_client.client import HttpClient
from heidi_common.http_client.errors import BlockedURLError, OutboundError
from heidi_services.notification.channels.message import DeliveryOutcome, SendResult

TIMEOUT_SECONDS = 15.0
ParseResponse = Callable[[requests.Response], SendResult | None]
"""A provider's own interpretation of its response; None leaves the result to the HTTP status."""


def post(
    client: HttpClient, provider: str, url: str, parse: ParseResponse, *, trusted: bool = True, **request: Any
) -> SendResult:
    """POST to a provider.

    Args:
        parse: The provider's interpretation of the response, which takes precedence over `result_by_status`.
        trusted: False if a user supplied the URL: internal addresses are then blocked.
        request: Further arguments of the HTTP client, such as `json` or `headers`.

    Returns:
        The result. Failures of the network are part of it and are not raised.
    """
    try:
        response = client.request("POST", url, timeout=TIMEOUT_SECONDS, trusted=trusted, **request)
    except OutboundError as error:
        return _result_without_response(provider, error)
    return parse(response) or result_by_status(provider, response)


def result_by_status(provider: str, response: requests.Response) -> SendResult:
    """Interpret the HTTP status: 2xx accepted, 429 and 5xx temporary, 401 and 403 our credentials, others permanent."""
    code, excerpt = str(response.status_code), response.text[:300]
    if response.ok:
        return SendResult(DeliveryOutcome.SENT, provider, code=code)
    if response.status_code == 429 or response.status_code >= 500:
        pause = retry_after(response)
        return SendResult(DeliveryOutcome.TEMPORARY, provider, code=code, error=excerpt, retry_after=pause)
    if response.status_code in (401, 403):
        return SendResult(DeliveryOutcome.TECHNICAL, provider, code=code, error=excerpt, final=True)
    return SendResult(DeliveryOutcome.PERMANENT, provider, code=code, error=excerpt)


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
