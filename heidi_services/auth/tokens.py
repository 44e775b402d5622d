"""Issue and read tokens: signed access and refresh tokens, and random secrets."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from heidi_common.jwt import tokens
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings

BEARER = "Bearer"


class TokenSubject(Protocol):
    """The columns of a user that become claims of a token."""

    @property
    def id(self) -> UUID: ...
    @property
    def role(self) -> str: ...
    @property
    def token_version(self) -> int: ...


@dataclass(frozen=True)
class SessionPosition:
    """The state of a session that its tokens carry: the counter of its current refresh token, and its end."""

    session_id: UUID
    counter: int
    expires_at: datetime


def issue_pair(user: TokenSubject, position: SessionPosition, now: datetime) -> dict[str, Any]:
    """Issue an access token and a refresh token for a session.

    Returns:
        The attributes of `SignedInOut` without the user; `expires_in` is in seconds.
    """
    session = {"sid": str(position.session_id)}
    access = session | {"ver": user.token_version, "role": str(user.role), "scope": ""}
    refresh = session | {"cnt": position.counter}
    remaining_seconds = max(1, int((position.expires_at - now).total_seconds()))
    return {
        "access_token": tokens.sign(str(user.id), "access", access),
        "refresh_token": tokens.sign(str(user.id), "refresh", refresh, seconds=remaining_seconds),
        "token_type": BEARER,
        "expires_in": current_settings().access_token_seconds,
    }


def verify_refresh_token(token: str) -> tuple[UUID, UUID, int]:
    """Verify a refresh token.

    Returns:
        The user's ID, the session's ID and the token's counter.

    Raises:
        Unauthorized: It is not a valid refresh token.
    """
    claims = tokens.verify(token, "refresh")
    try:
        return UUID(claims["sub"]), UUID(claims["sid"]), int(claims["cnt"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthorized("The token is not valid.", error="invalid_token") from None


def issue_client_token(client_id: UUID, scope: str) -> str:
    """Issue the access token of a machine client."""
    return tokens.sign(str(client_id), "access", {"client_id": str(client_id), "scope": scope})


def generate_secret() -> str:
    """Generate 256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash a secret for storage. Plain SHA-256 suffices: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
