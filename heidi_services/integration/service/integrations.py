"""Create, change and delete integrations on behalf of their owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.audit import trail
from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.identity.address_proof import require_verified_email
from heidi_common.identity.models import Role
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Forbidden
from heidi_services.integration import webhook_signing
from heidi_services.integration.endpoint_auth import EndpointAuth
from heidi_services.integration.models import Integration
from heidi_services.integration.providers.base import Provider
from heidi_services.integration.providers.registry import PROVIDERS
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.queries import get_visible
from heidi_services.integration.service.validation import require_https_for_certificate, require_valid


@dataclass(frozen=True)
class CreatedIntegration:
    """A new integration with its plain secrets, which cannot be read again.

    Attributes:
        integration: The stored row.
        signing_secret: Signs the webhooks that are sent to `webhookUrl`.
        secret: The generated secret of a sender, such as WEBHOOK; None if the caller provided one, or for other
            providers.
    """

    integration: Integration
    signing_secret: str
    secret: str | None


def create(owner: Caller, body: dict[str, Any]) -> CreatedIntegration:
    """Create an integration of the caller. A WEBHOOK without a `secret` gets a generated one.

    Raises:
        Forbidden: `email_not_verified`.
        Invalid: The credentials, the config or the URL are not valid for this provider.
    """
    require_verified_email(owner.id)
    credentials, config = body.get("credentials") or {}, body.get("config") or {}
    provider = body["provider"]
    credentials, secret = _with_generated_credential(PROVIDERS[provider], credentials)
    auth = _endpoint_auth(body)
    require_valid(provider, credentials, config, body.get("webhook_url"), auth)
    integration_id, signing_secret = uuid7(), webhook_signing.generate_secret()
    integration = Integration(
        id=integration_id,
        user_id=owner.id,
        owner_role=owner.role or Role.USER,
        provider=provider,
        name=body["name"],
        webhook_url=body.get("webhook_url"),
        config=config,
        is_active=body.get("is_active", True),
        credentials=credential_store.encrypt_credentials(integration_id, credentials),
        signing_secret=credential_store.encrypt_signing_secret(integration_id, signing_secret),
    )
    credential_store.set_endpoint_auth(integration, auth)
    require_https_for_certificate(integration)
    with transaction():
        db.session.add(integration)
        trail.record("integration_created", actor=owner.id, target=integration_id, detail={"provider": provider})
    return CreatedIntegration(integration, signing_secret, secret)


def _with_generated_credential(provider: Provider, credentials: dict[str, str]) -> tuple[dict[str, str], str | None]:
    """The credentials with the one that the platform generates if the owner provides none, and that one."""
    name = provider.generated_credential
    if name is None or name in credentials:
        return credentials, None
    secret = webhook_signing.generate_secret()
    return {**credentials, name: secret}, secret


def update(integration_id: UUID, caller: Caller, body: dict[str, Any], version: int | None) -> Integration:
    """Change an integration.

    Credentials are merged by name, because the caller cannot read them back; null removes one. `config` is replaced.

    Raises:
        NotFound: The integration does not exist, or the caller may not see it.
        Forbidden: A machine client changes an integration of an administrator.
        PreconditionFailed: `version` is given and is not the current one.
        Invalid: The result is not valid for this provider.
    """
    with transaction():
        integration = get_visible(integration_id, caller, lock=True)
        _require_write_permission(caller, integration)
        expect_version(integration, version)
        credentials = _merge_credentials(integration, body)
        config = (body["config"] or {}) if "config" in body else integration.config
        url = body.get("webhook_url", integration.webhook_url)
        auth = _endpoint_auth(body)
        require_valid(integration.provider, credentials, config, url, auth)
        integration.config, integration.webhook_url = config, url
        integration.name = body.get("name", integration.name)
        if "credentials" in body:
            integration.credentials = credential_store.encrypt_credentials(integration.id, credentials)
        if "endpoint_auth" in body:
            credential_store.set_endpoint_auth(integration, auth)
        require_https_for_certificate(integration)
        detail: dict[str, Any] = {"changed": sorted(body)}
        if "is_active" in body:
            detail["isActive"] = {"old": integration.is_active, "new": body["is_active"]}
            _set_active(integration, body["is_active"])
        trail.record("integration_updated", actor=caller.id, target=integration.id, detail=detail)
    return integration


def _endpoint_auth(body: dict[str, Any]) -> EndpointAuth | None:
    members = body.get("endpoint_auth")
    return EndpointAuth(**members) if members else None


def _require_write_permission(caller: Caller, integration: Integration) -> None:
    """An administrator's integration can receive the events of all users, so a client must not redirect it."""
    if caller.kind == "client" and integration.owner_role == Role.ADMIN:
        raise Forbidden("`integrations:write` does not cover the integrations of administrators.")


def _merge_credentials(integration: Integration, body: dict[str, Any]) -> dict[str, str]:
    if "credentials" in body and body["credentials"] is None:
        return {}
    changes: dict[str, str | None] = body.get("credentials", {})
    try:
        merged = {**credential_store.decrypt_credentials(integration), **changes}
    except DecryptionError:
        # The encryption key was removed. The old values are lost, but the owner must be able to enter new ones.
        merged = dict(changes)
    return {name: value for name, value in merged.items() if value is not None}


def _set_active(integration: Integration, active: bool) -> None:
    """Activation clears the record of failures."""
    integration.is_active = active
    if active:
        integration.disabled_reason = integration.failing_since = integration.last_failed_at = None


def delete(integration_id: UUID, caller: Caller, version: int | None) -> None:
    """Delete an integration with its credentials, logs, events and deliveries."""
    with transaction():
        integration = get_visible(integration_id, caller, lock=True)
        expect_version(integration, version)
        db.session.delete(integration)
        trail.record("integration_deleted", actor=caller.id, target=integration.id)
