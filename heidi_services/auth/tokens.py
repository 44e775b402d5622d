"""What is given out: access and refresh tokens (signed), one-time tokens and client secrets (random)."""

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


class Holder(Protocol):
    """The columns of a user that go into a token."""

    @property
    def id(self) -> UUID: ...
    @property
    def role(self) -> str: ...
    @property
    def token_version(self) -> int: ...


@dataclass(frozen=True)
class Place:
    """Where a session stands: its id, the number of its current refresh token and when that ends."""

    session_id: UUID
    counter: int
    expires_at: datetime


def pair(holder: Holder, place: Place, now: datetime) -> dict[str, Any]:
    """An access and a refresh token for a session."""
    session = {"sid": str(place.session_id)}
    access = session | {"ver": holder.token_version, "role": str(holder.role), "scope": ""}
    remaining = max(1, int((place.expires_at - now).total_seconds()))
    refresh = session | {"cnt": place.counter}
    return {
        "access_token": tokens.sign(str(holder.id), "access", access),
        "refresh_token": tokens.sign(str(holder.id), "refresh", refresh, seconds=remaining),
        "token_type": BEARER,
        "expires_in": current_settings().access_token_seconds,
    }


def read_refresh(token: str) -> tuple[UUID, UUID, int]:
    """(user, session, counter) of a good refresh token; Unauthorized for anything else."""
    claims = tokens.verify(token, "refresh")
    try:
        return UUID(claims["sub"]), UUID(claims["sid"]), int(claims["cnt"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Unauthorized("The token is not valid.", error="invalid_token") from None


def machine(client_id: UUID, scope: str) -> str:
    """The access token of a machine client."""
    return tokens.sign(str(client_id), "access", {"client_id": str(client_id), "scope": scope})


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a random secret: a plain hash is enough for 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
