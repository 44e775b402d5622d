"""Access tokens of machine clients (client credentials grant, RFC 6749, 4.4) and token introspection (RFC 7662)."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update

from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle
from heidi_common.identity.models import MachineClient
from heidi_common.identity.scopes import known_scopes
from heidi_common.jwt.authentication import authenticate
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.auth import tokens
from heidi_services.auth.oauth import OAuthError

INTROSPECTED_CLAIMS = ("sub", "scope", "iss", "aud", "iat", "exp", "jti", "client_id", "role", "sid")


def issue_token(client_id: str, secret: str, scope: str | None, address: str) -> dict[str, Any]:
    """Issue an access token to a machine client.

    Args:
        client_id: As sent; need not be a UUID.
        secret: As sent.
        scope: Scopes separated by spaces, a subset of the client's; None or empty for all of them.
        address: IP address of the client, for throttling.

    Returns:
        The attributes of `GrantOut`; `expires_in` is in seconds.

    Raises:
        OAuthError: `invalid_client` or `invalid_scope`, as RFC 6749 defines them.
        TooMany: Too many failures of this client ID from this address, or of this address.
    """
    client = _authenticate(client_id, secret, address)
    granted = _granted_scopes(known_scopes(client.scopes), scope)
    with transaction():
        # Keeps `updated_at`: use is not a change.
        statement = update(MachineClient).where(MachineClient.id == client.id)
        db.session.execute(statement.values(last_used_at=utcnow(), updated_at=MachineClient.updated_at))
        record("authn_token_created", actor=client.id)
    seconds = current_settings().access_token_seconds
    token = tokens.issue_client_token(client.id, granted)
    return {"access_token": token, "token_type": tokens.BEARER, "expires_in": seconds, "scope": granted}


def introspect_token(token: str) -> dict[str, Any]:
    """Return the claims of a token; only `active: false` if it is invalid, whatever the reason (RFC 7662, 2.2)."""
    try:
        claims = authenticate(token).claims
    except Unauthorized:
        return {"active": False}
    shown = {name: claims[name] for name in INTROSPECTED_CLAIMS if name in claims}
    return {"active": True, "token_type": tokens.BEARER} | shown


def _authenticate(client_id: str, secret: str, address: str) -> MachineClient:
    limits = login_throttle.pair_limit(f"client {client_id}", address), login_throttle.address_limit(address)
    login_throttle.check(*limits)
    client = _find_active(client_id)
    # An unknown client costs a comparison, too, so that the response time does not reveal which IDs exist.
    expected = client.secret_hash if client else tokens.hash_secret("nobody")
    if not secrets.compare_digest(expected, tokens.hash_secret(secret)) or client is None:
        login_throttle.count(*limits)
        record_failure("authn_client_fail", target=fingerprint(client_id))
        raise OAuthError(401, "invalid_client", "Incorrect client ID or client secret.")
    return client


def _granted_scopes(allowed: list[str], scope: str | None) -> str:
    requested = set((scope or "").split()) or set(allowed)
    if not requested <= set(allowed):
        raise OAuthError(400, "invalid_scope", "`scope` must only contain scopes of this client.")
    return " ".join(sorted(requested))


def _find_active(client_id: str) -> MachineClient | None:
    """Query the database for an ID that is not a UUID, too, for the same response time."""
    try:
        uuid = UUID(client_id)
    except ValueError:
        uuid = uuid4()
    return db.session.scalar(select(MachineClient).where(MachineClient.id == uuid, MachineClient.revoked_at.is_(None)))
