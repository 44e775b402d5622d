"""Sign a webhook and send it; every result, including failures of the network, is a `WebhookResponse`.

Requests to the providers' APIs use the same client. No transaction may be open during a request.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import BlockedURLError, OutboundError
from heidi_common.schemas.fields import iso
from heidi_services.integration import webhook_signing
from heidi_services.integration.endpoint_auth import EndpointAuth
from heidi_services.integration.service import redaction
from heidi_services.integration.service.credentials import access_tokens
from heidi_services.integration.service.deliveries.retry_policy import parse_retry_after

TIMEOUT_SECONDS = 15
MAX_RESPONSE_BYTES = 20_000
MAX_ERROR_LENGTH = 500
GONE, UNAUTHORIZED = 410, 401


@dataclass(frozen=True)
class WebhookRequest:
    """A webhook to send. Receivers recognize a repeated webhook by its `message_id`."""

    url: str
    signing_secrets: list[str]
    message_id: str
    body: str
    auth: EndpointAuth | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookResponse:
    """The result of a request.

    Attributes:
        status_code: The HTTP status; None if there was no response.
        body: The beginning of the response body, redacted.
        error: Why the request failed; None if the status is 2xx.
        duration_ms: Time from start to response or failure.
        retry_after: The delay in seconds that the response asks for.
        ambiguous: The request was sent, but it is unknown whether the endpoint processed it.
        blocked: The request was not sent, because the address must not be called.
    """

    status_code: int | None
    body: str
    error: str | None
    duration_ms: int
    retry_after: float | None = None
    ambiguous: bool = False
    blocked: bool = False

    @property
    def ok(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """The endpoint asks not to be called again."""
        return self.status_code == GONE


def build_payload(event_type: str, timestamp: datetime, data: Mapping[str, Any]) -> str:
    """The JSON body of a webhook."""
    return orjson.dumps({"type": event_type, "timestamp": iso(timestamp), "data": dict(data)}).decode()


def send_webhook(webhook: WebhookRequest, now: datetime) -> WebhookResponse:
    """Sign a webhook with all valid secrets and send it. `now` is the signed timestamp."""
    body = webhook.body.encode()
    signature = webhook_signing.sign_webhook(webhook.signing_secrets, webhook.message_id, int(now.timestamp()), body)
    headers = {"Content-Type": "application/json"} | signature
    return send_authenticated(
        webhook.auth,
        "POST",
        webhook.url,
        headers=headers,
        data=body,
        secrets=webhook.signing_secrets,
        now=now,
        body_optional=True,  # the status is the receipt: repeating a received event because of its body is wrong
    )


def send_authenticated(
    auth: EndpointAuth | None, method: str, url: str, *, headers: Mapping[str, str], secrets: list[str], **options: Any
) -> WebhookResponse:
    """Send a request with the authentication of an endpoint; the arguments are those of `send_request`.

    If the endpoint rejects an access token of OAuth 2 with 401, the request is sent once more with a new one.
    """
    if auth is None:
        return send_request(method, url, headers=headers, secrets=secrets, **options)
    response, token = _send_with_token(auth, method, url, headers=headers, secrets=secrets, **options)
    if response.status_code == UNAUTHORIZED and token is not None:
        access_tokens.discard(auth, token)
        response, _ = _send_with_token(auth, method, url, headers=headers, secrets=secrets, **options)
    return response


def _send_with_token(
    auth: EndpointAuth, method: str, url: str, *, headers: Mapping[str, str], secrets: list[str], **options: Any
) -> tuple[WebhookResponse, str | None]:
    """The response, and the access token that was sent. Without a token nothing is sent."""
    started = time.monotonic()
    try:
        token = access_tokens.access_token(auth)
    except access_tokens.TokenRequestFailed as error:
        text = redaction.redact_text(str(error), auth.secrets, MAX_ERROR_LENGTH)
        return WebhookResponse(status_code=None, body="", error=text, duration_ms=_elapsed_ms(started)), None
    response = send_request(
        method,
        url,
        headers={**auth.request_headers(token), **headers},
        secrets=[*secrets, *auth.secrets, *([token] if token else [])],
        certificate=auth.certificate,
        **options,
    )
    return response, token


def send_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    secrets: list[str],
    now: datetime,
    max_bytes: int = MAX_RESPONSE_BYTES,
    **options: Any,
) -> WebhookResponse:
    """Send a request.

    Args:
        method: The HTTP method.
        url: The URL.
        headers: The headers, including authentication.
        secrets: Values that are redacted in the response and in the error.
        now: The time to which a date in `Retry-After` is relative.
        max_bytes: How many bytes of the response are read. The rest is ignored.
        options: Further arguments of `HttpClient.request`.
    """
    started = time.monotonic()
    try:
        response = http_client().request(
            method, url, headers=headers, timeout=TIMEOUT_SECONDS, max_bytes=max_bytes, truncate=True, **options
        )
    except OutboundError as error:
        return _failure(error, secrets, started)
    return WebhookResponse(
        status_code=response.status_code,
        body=redaction.redact_text(response.content.decode("utf-8", "replace"), secrets, max_bytes),
        error=None if 200 <= response.status_code < 300 else f"returned {response.status_code}",
        duration_ms=_elapsed_ms(started),
        retry_after=parse_retry_after(response.headers.get("Retry-After", ""), now),
    )


def _failure(error: OutboundError, secrets: list[str], started: float) -> WebhookResponse:
    return WebhookResponse(
        status_code=None,
        body="",
        error=redaction.redact_text(f"{type(error).__name__}: {error}", secrets, MAX_ERROR_LENGTH),
        duration_ms=_elapsed_ms(started),
        ambiguous=error.ambiguous,
        blocked=isinstance(error, BlockedURLError),
    )


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
