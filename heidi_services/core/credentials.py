"""With whose authority an operation acts: the requester's own token while it lives, else core's machine client.

Only auth signs tokens, so core asks it for one, as any machine does (`CORE_CLIENT_ID`, `CORE_CLIENT_SECRET`).
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
from heidi_services.core.operations import Later, Order, Refused

_ENDS_TOO_SOON = 60.0
_lock = threading.Lock()
_kept: dict[str, tuple[str, float]] = {}


def authority(order: Order) -> Order:
    """The order with an Authorization that will hold for the next step."""
    if order.authorization and _ends_at(order.authorization) > time.time() + _ENDS_TOO_SOON:
        return order
    return replace(order, authorization=f"Bearer {_machine_token()}")


def _ends_at(authorization: str) -> float:
    """`exp` of a token that was verified when it came; its peers verify it again."""
    try:
        payload = authorization.split(".")[1]
        return float(orjson.loads(base64url.decode(payload))["exp"])
    except (IndexError, KeyError, ValueError):
        return 0.0


def _machine_token() -> str:
    settings = current_settings()
    if not settings.core_client_id or not settings.core_client_secret:
        raise Refused("the requester's sign-in has ended, and CORE_CLIENT_ID is not set")
    with _lock:
        token, ends = _kept.get(settings.core_client_id, ("", 0.0))
        if ends < time.time() + _ENDS_TOO_SOON:
            token, ends = _fetch(settings.core_client_id, settings.core_client_secret)
            _kept[settings.core_client_id] = token, ends
        return token


def _fetch(client_id: str, secret: str) -> tuple[str, float]:
    try:
        answer = http_client().request(
            "POST",
            service_url("auth") + "/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, secret),
            timeout=5,
            trusted=True,
        )
    except OutboundError as error:
        raise Later(f"auth gave no answer ({type(error).__name__})") from None
    if answer.status_code >= 500:
        raise Later(f"auth answered {answer.status_code}")
    if answer.status_code != 200:
        raise Refused(f"auth answered {answer.status_code} to core's own credentials")
    found = answer.json()
    return str(found["access_token"]), time.time() + float(found["expires_in"])
