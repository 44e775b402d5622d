"""Manage machine clients: an ID, a secret that is shown once, and scopes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.totals import TotalRequest
from heidi_common.database.transactions import transaction
from heidi_common.identity import revocation
from heidi_common.identity.models import MachineClient
from heidi_common.problems import NotFound
from heidi_services.auth import tokens


def create_client(name: str, scopes: list[str], actor: UUID | None) -> dict[str, Any]:
    """Create a machine client.

    Returns:
        The client with its `client_secret`, which cannot be read again: only its hash is stored.
    """
    secret = tokens.generate_secret()
    with transaction():
        client = MachineClient(name=name, scopes=sorted(set(scopes)), secret_hash=tokens.hash_secret(secret))
        db.session.add(client)
        db.session.flush()
        record("client_created", actor=actor, target=client.id, detail={"scopes": client.scopes})
        return _serialize(client) | {"client_secret": secret}


def list_clients(limit: int, cursor: str | None, total: TotalRequest) -> Page:
    """List the machine clients that are not revoked, newest first."""
    return newest_first(
        select(MachineClient).where(MachineClient.revoked_at.is_(None)),
        MachineClient,
        {"limit": limit, "cursor": cursor, "total": total},
    )


def revoke_client(client_id: UUID, actor: UUID) -> None:
    """Revoke a client. All services reject its tokens immediately."""
    with transaction():
        client = _lock_active(client_id)
        client.revoked_at = utcnow()
        revocation.announce_revoked_client(client.id)
        record("client_revoked", actor=actor, target=client.id)


def rotate_secret(client_id: UUID, actor: UUID) -> dict[str, Any]:
    """Replace a client's secret; the old one is rejected from now on.

    Returns:
        The client with its new `client_secret`.
    """
    secret = tokens.generate_secret()
    with transaction():
        client = _lock_active(client_id)
        client.secret_hash = tokens.hash_secret(secret)
        record("client_secret_rotated", actor=actor, target=client.id)
        db.session.flush()
        return _serialize(client) | {"client_secret": secret}


def _lock_active(client_id: UUID) -> MachineClient:
    active = select(MachineClient).where(MachineClient.id == client_id, MachineClient.revoked_at.is_(None))
    client = db.session.scalar(active.with_for_update())
    if client is None:
        raise NotFound("Client not found.")
    return client


def _serialize(client: MachineClient) -> dict[str, Any]:
    names = ("id", "name", "scopes", "last_used_at", "created_at", "updated_at")
    return {name: getattr(client, name) for name in names} | {"client_id": client.id}
