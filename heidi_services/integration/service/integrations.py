"""The owner's side: make, see, change and remove integrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from uuid_utils.compat import uuid7

from heidi_common.audit import trail
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services.integration.models import Integration, ProviderName
from heidi_services.integration.providers import standard_webhooks
from heidi_services.integration.service import credential_store
from heidi_services.integration.service.validation import require_sound

OLD_SECRET_VALID = timedelta(hours=24)


@dataclass(frozen=True)
class Created:
    """What is shown once: nobody can read the secrets again."""

    integration: Integration
    signing_secret: str
    secret: str | None


def create(owner: Caller, body: dict[str, Any]) -> Created:
    """A new integration of the caller. A WEBHOOK without a secret of the sender's gets one of ours."""
    credentials, config = body.get("credentials") or {}, body.get("config") or {}
    provider = ProviderName(body["provider"])
    made = standard_webhooks.new_secret() if provider is ProviderName.WEBHOOK and "secret" not in credentials else None
    if made:
        credentials = {**credentials, "secret": made}
    require_sound(provider, credentials, config, body.get("webhook_url"))
    own_id, signing_secret = uuid7(), standard_webhooks.new_secret()
    integration = Integration(
        id=own_id,
        user_id=owner.id,
        owner_role=owner.role or Role.USER,
        provider=provider,
        name=body["name"],
        webhook_url=body.get("webhook_url"),
        config=config,
        is_active=body.get("is_active", True),
        credentials=credential_store.seal_credentials(own_id, credentials),
        signing_secret=credential_store.seal_secret(own_id, signing_secret),
    )
    with transaction():
        db.session.add(integration)
        trail.record("integration_created", actor=owner.id, target=own_id, detail={"provider": provider.value})
    return Created(integration, signing_secret, made)


def visible(integration_id: UUID, caller: Caller, *, lock: bool = False) -> Integration:
    """The caller's own, any for an ADMIN or a machine that may read; everything else does not exist."""
    found = db.session.get(Integration, integration_id, with_for_update=lock or None, populate_existing=lock)
    if found is None or not (found.user_id == caller.id or _sees_all(caller)):
        raise NotFound("There is no such integration.")
    return found


def _sees_all(caller: Caller) -> bool:
    return caller.is_admin or caller.kind == "client"


def listed(caller: Caller, query: dict[str, Any]) -> Page:
    statement: Select[Any] = select(Integration)
    if not _sees_all(caller):
        statement = statement.where(Integration.user_id == caller.id)
    for name in ("user_id", "provider", "is_active"):
        if query.get(name) is not None:
            statement = statement.where(getattr(Integration, name) == query[name])
    return page(
        statement,
        order=Integration.created_at,
        descending=True,
        tiebreak=Integration.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
    )


def change(integration_id: UUID, caller: Caller, body: dict[str, Any], version: int | None) -> Integration:
    """Credentials are merged by name (they cannot be read back), null removes; `config` is replaced as a whole."""
    with transaction():
        integration = visible(integration_id, caller, lock=True)
        expect_version(integration, version)
        credentials = _merged(integration, body)
        config = (body["config"] or {}) if "config" in body else integration.config
        url = body.get("webhook_url", integration.webhook_url)
        require_sound(integration.provider, credentials, config, url)
        integration.config, integration.webhook_url = config, url
        integration.name = body.get("name", integration.name)
        if "credentials" in body:
            integration.credentials = credential_store.seal_credentials(integration.id, credentials)
        if "is_active" in body:
            _switch(integration, body["is_active"])
        trail.record("integration_updated", actor=caller.id, target=integration.id, detail={"changed": sorted(body)})
    return integration


def _merged(integration: Integration, body: dict[str, Any]) -> dict[str, str]:
    if "credentials" in body and body["credentials"] is None:
        return {}
    try:
        merged: dict[str, str | None] = {**credential_store.credentials_of(integration), **body.get("credentials", {})}
    except DecryptionError:
        # The key is gone and with it the old values: new ones must still be possible.
        merged = dict(body.get("credentials", {}))
    return {name: value for name, value in merged.items() if value is not None}


def _switch(integration: Integration, active: bool) -> None:
    """Switched on again, an endpoint starts with a clean record."""
    integration.is_active = active
    if active:
        integration.disabled_reason = integration.failing_since = None


def remove(integration_id: UUID, caller: Caller, version: int | None) -> None:
    """With its credentials, logs, events and deliveries."""
    with transaction():
        integration = visible(integration_id, caller, lock=True)
        expect_version(integration, version)
        db.session.delete(integration)
        trail.record("integration_deleted", actor=caller.id, target=integration.id)


def rotate_secret(integration_id: UUID, caller: Caller, now: datetime | None = None) -> str:
    """A new signing secret; deliveries carry both signatures for a day, so that the receiver can change over."""
    secret = standard_webhooks.new_secret()
    with transaction():
        integration = visible(integration_id, caller, lock=True)
        integration.previous_signing_secret = integration.signing_secret
        integration.previous_valid_until = (now or utcnow()) + OLD_SECRET_VALID
        integration.signing_secret = credential_store.seal_secret(integration.id, secret)
        trail.record("integration_secret_rotated", actor=caller.id, target=integration.id)
    return secret


def rotate_keys(batch: int = 200) -> tuple[int, list[UUID]]:
    """Bring all sealed fields under the first of ENCRYPTION_KEYS: (rows changed, rows that no key opens)."""
    changed, lost, after = 0, list[UUID](), None
    while True:
        with transaction():
            rows = _next_rows(after, batch)
            for row in rows:
                try:
                    changed += credential_store.reseal(row)
                except DecryptionError:
                    lost.append(row.id)
            after = rows[-1].id if rows else None
        if after is None:
            return changed, lost


def _next_rows(after: UUID | None, batch: int) -> list[Integration]:
    statement = select(Integration).order_by(Integration.id).limit(batch).with_for_update()
    return list(db.session.scalars(statement if after is None else statement.where(Integration.id > after)))
