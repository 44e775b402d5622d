"""The credentials with which an operation calls services: the requester's access token until it expires, then core's
own machine client.

Only auth signs tokens, so core requests one from it like any other machine client (`CORE_CLIENT_ID`,
`CORE_CLIENT_SECRET`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import orjson

from heidi_common.crypto import base64url
from heidi_common.http_client.client import http_client
from heidi_common.http_client.errors import OutboundError
from heidi_common.peers.transport import service_url
from heidi_common.runtime import current_settings
from heidi_services.core.operations.base import RetryLater, StepContext, StepRejected

_MIN_REMAINING_SECONDS = 60.0
_TIMEOUT_SECONDS = 5
_lock = threading.Lock()
_cached_tokens: dict[str, tuple[str, float]] = {}


def resolve_credentials(context: StepContext) -> StepContext:
    """Return the context with an Authorization header that is valid for at least the next 60 seconds.

    Raises:
        RetryLater: The requester's token has expired, and auth is unavailable.
        StepRejected: The requester's token has expired, and core has no machine client or auth rejects it.
    """
    if context.authorization and _expires_at(context.authorization) > time.time() + _MIN_REMAINING_SECONDS:
        return context
    return replace(context, authorization=f"Bearer {_machine_token()}")


def _expires_at(authorization: str) -> float:
    """Read `exp` without verifying the token: it was verified when it arrived, and the called service verifies it."""
    try:
        payload = authorization.split(".")[1]
        return float(orjson.loads(base64url.decode(payload))["exp"])
    except (IndexError, KeyError, ValueError):
        return 0.0


def _machine_token() -> str:
    settings = current_settings()
    if not settings.core_client_id or not settings.core_client_secret:
        raise StepRejected("the requester's access token has expired, and CORE_CLIENT_ID is not set")
    with _lock:
        token, expires_at = _cached_tokens.get(settings.core_client_id, ("", 0.0))
        if expires_at < time.time() + _MIN_REMAINING_SECONDS:
            token, expires_at = _request_token(settings.core_client_id, settings.core_client_secret)
            _cached_tokens[settings.core_client_id] = token, expires_at
        return token


def _request_token(client_id: str, secret: str) -> tuple[str, float]:
    """Request a token by the client credentials grant; returns it with its expiry in seconds since the epoch."""
    try:
        response = http_client().request(
            "POST",
            service_url("auth") + "/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, secret),
            timeout=_TIMEOUT_SECONDS,
            trusted=True,
        )
    except OutboundError as error:
        raise RetryLater(f"auth did not respond ({type(error).__name__})") from None
    if response.status_code >= 500:
        raise RetryLater(f"auth returned {response.status_code}")
    if response.status_code != 200:
        raise StepRejected(f"auth returned {response.status_code} for the credentials in CORE_CLIENT_ID")
    grant = response.json()
    return str(grant["access_token"]), time.time() + float(grant["expires_in"])
