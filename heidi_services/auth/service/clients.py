"""Machine clients: an id, a secret that is shown once, scopes, and short tokens for them (RFC 6749, 4.4)."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update

from heidi_common.audit.trail import fingerprint, record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle, revocation
from heidi_common.identity.models import MachineClient
from heidi_common.jwt.authentication import authenticate
from heidi_common.problems import NotFound, Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.auth import tokens
from heidi_services.auth.oauth import OAuthError

TOLD = ("sub", "scope", "iss", "aud", "iat", "exp", "jti", "client_id", "role", "sid")


def create(name: str, scopes: list[str], actor: UUID | None) -> dict[str, Any]:
    """A new client with its secret, which nobody can look up later."""
    secret = tokens.new_secret()
    with transaction():
        client = MachineClient(name=name, scopes=sorted(set(scopes)), secret_hash=tokens.digest(secret))
        db.session.add(client)
        db.session.flush()
        record("client_created", actor=actor, target=client.id, detail={"scopes": client.scopes})
        return _shown(client) | {"client_secret": secret}


def listed(limit: int, cursor: str | None, total: bool) -> Page:
    live = select(MachineClient).where(MachineClient.revoked_at.is_(None))
    return page(
        live,
        order=MachineClient.created_at,
        descending=True,
        tiebreak=MachineClient.id,
        limit=limit,
        cursor=cursor,
        total=total,
    )


def revoke(client_id: UUID, actor: UUID) -> None:
    """The client's tokens are refused at once, on all services."""
    with transaction():
        client = _live(client_id)
        client.revoked_at = utcnow()
        revocation.announce_revoked_client(client.id)
        record("client_revoked", actor=actor, target=client.id)


def rotate(client_id: UUID, actor: UUID) -> dict[str, Any]:
    """A new secret; the old one is refused from now on."""
    secret = tokens.new_secret()
    with transaction():
        client = _live(client_id)
        client.secret_hash = tokens.digest(secret)
        record("client_secret_rotated", actor=actor, target=client.id)
        db.session.flush()
        return _shown(client) | {"client_secret": secret}


def token(client_id: str, secret: str, scope: str | None, address: str) -> dict[str, Any]:
    """An access token within the client's scopes; raises OAuthError in the words of RFC 6749."""
    limits = login_throttle.pair_limit(f"client {client_id}", address), login_throttle.address_limit(address)
    login_throttle.check(*limits)
    client = _find(client_id)
    expected = client.secret_hash if client else tokens.digest("nobody")
    if not secrets.compare_digest(expected, tokens.digest(secret)) or client is None:
        login_throttle.count(*limits)
        record_failure("authn_client_fail", target=fingerprint(client_id))
        raise OAuthError(401, "invalid_client", "The client id or the secret is wrong.")
    granted = _granted(client.scopes, scope)
    with transaction():
        used = update(MachineClient).where(MachineClient.id == client.id)
        db.session.execute(used.values(last_used_at=utcnow(), updated_at=MachineClient.updated_at))
        record("authn_token_created", actor=client.id)
    seconds = current_settings().access_token_seconds
    signed = tokens.machine(client.id, granted)
    return {"access_token": signed, "token_type": tokens.BEARER, "expires_in": seconds, "scope": granted}


def introspect(token: str) -> dict[str, Any]:
    """RFC 7662: what is known of a token; only `active: false` of one that is not good, whatever the reason."""
    try:
        claims = authenticate(token).claims
    except Unauthorized:
        return {"active": False}
    return {"active": True, "token_type": tokens.BEARER} | {name: claims[name] for name in TOLD if name in claims}


def _granted(allowed: list[str], wanted: str | None) -> str:
    asked = set((wanted or "").split()) or set(allowed)
    if not asked <= set(allowed):
        raise OAuthError(400, "invalid_scope", "The client does not have all of these scopes.")
    return " ".join(sorted(asked))


def _find(client_id: str) -> MachineClient | None:
    try:
        known = UUID(client_id)
    except ValueError:
        known = uuid4()
    return db.session.scalar(select(MachineClient).where(MachineClient.id == known, MachineClient.revoked_at.is_(None)))


def _live(client_id: UUID) -> MachineClient:
    statement = (
        select(MachineClient).where(MachineClient.id == client_id, MachineClient.revoked_at.is_(None)).with_for_update()
    )
    client = db.session.scalar(statement)
    if client is None:
        raise NotFound("There is no such client.")
    return client


def _shown(client: MachineClient) -> dict[str, Any]:
    names = ("id", "name", "scopes", "last_used_at", "created_at", "updated_at")
    return {name: getattr(client, name) for name in names} | {"client_id": client.id}
