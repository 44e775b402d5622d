"""The credentials with which an operation calls services: those of core's own machine client.

Only auth signs tokens, so core requests one from it like any other machine client (`CORE_CLIENT_ID`,
`CORE_CLIENT_SECRET`). Operations that version 1.0 stored use the requester's access token as long as it is valid.
"""

from __future__ import annotations

import base64
import threading
import time
from uuid import UUID

import orjson

from heidi_common.crypto import base64url
from heidi_common.identity import revocation
from heidi_common.operations.base import RetryLater, StepRejected
from heidi_common.peers.client import call_peer
from heidi_common.peers.models import PeerRequest
from heidi_common.runtime import current_settings

_MIN_REMAINING_SECONDS = 60.0
_TIMEOUT_SECONDS = 5
_lock = threading.Lock()
_cached_tokens: dict[str, tuple[str, float]] = {}


def resolve_authorization(stored: str | None) -> str:
    """Return an Authorization header that is valid for at least the next 60 seconds.

    Args:
        stored: The header that version 1.0 has stored with the operation. It is preferred because a repeated request
            is recognized by its Idempotency-Key only if it comes from the same caller.

    Raises:
        RetryLater: Auth is unavailable.
        StepRejected: Core has no machine client, or auth rejects it.
    """
    if stored and _is_usable(stored):
        return stored
    return f"Bearer {_machine_token()}"


def _is_usable(authorization: str) -> bool:
    """Read the claims without verifying them: the token was verified when it was stored."""
    try:
        claims = orjson.loads(base64url.decode(authorization.split(".")[1]))
        if float(claims["exp"]) <= time.time() + _MIN_REMAINING_SECONDS:
            return False
        return revocation.is_session_active(UUID(claims["sid"]), UUID(claims["sub"]), int(claims["ver"]))
    except (IndexError, KeyError, ValueError):
        return False


def _machine_token() -> str:
    settings = current_settings()
    if not settings.core_client_id or not settings.core_client_secret:
        raise StepRejected("core has no machine client: set CORE_CLIENT_ID and CORE_CLIENT_SECRET")
    with _lock:
        token, expires_at = _cached_tokens.get(settings.core_client_id, ("", 0.0))
        if expires_at < time.time() + _MIN_REMAINING_SECONDS:
            token, expires_at = _request_token(settings.core_client_id, settings.core_client_secret)
            _cached_tokens[settings.core_client_id] = token, expires_at
        return token


def _request_token(client_id: str, secret: str) -> tuple[str, float]:
    """Request a token by the client credentials grant; returns it with its expiry in seconds since the epoch."""
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    request = PeerRequest(
        "auth",
        "/api/v1/auth/token",
        method="POST",
        json={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {credentials}"},
    )
    response = call_peer(request, timeout=_TIMEOUT_SECONDS)
    if response.status is None:
        raise RetryLater(f"auth did not respond ({response.error})")
    if response.status >= 500 or response.status == 429:
        raise RetryLater(f"auth returned {response.status}")
    if response.status != 200:
        raise StepRejected(f"auth returned {response.status} for the credentials in CORE_CLIENT_ID")
    return str(response.body["access_token"]), time.time() + float(response.body["expires_in"])
