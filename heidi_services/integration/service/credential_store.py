"""Credentials and signing secrets: sealed per field, opened only where they are used.

The context ties a sealed value to its row and field: copied elsewhere it does not open.
"""

from datetime import datetime
from uuid import UUID

from heidi_common.crypto.encryption import field_encryptor
from heidi_services.integration.models import Integration

_CREDENTIALS, _SIGNING = b"integration.credentials:", b"integration.signing:"


def seal_credentials(integration_id: UUID, credentials: dict[str, str]) -> str | None:
    """None when there is nothing to keep: `hasCredentials` is true only for a real one."""
    if not credentials:
        return None
    return field_encryptor().encrypt(credentials, context=_CREDENTIALS + integration_id.bytes)


def credentials_of(integration: Integration) -> dict[str, str]:
    """Raises crypto.CannotOpen when the key it was sealed with is gone."""
    if integration.credentials is None:
        return {}
    found: dict[str, str] = field_encryptor().decrypt(
        integration.credentials, context=_CREDENTIALS + integration.id.bytes
    )
    return found


def seal_secret(integration_id: UUID, secret: str) -> str:
    return field_encryptor().encrypt(secret, context=_SIGNING + integration_id.bytes)


def signing_secrets(integration: Integration, now: datetime) -> list[str]:
    """The current secret first; the one before it as long as it stays valid."""
    sealed = [integration.signing_secret]
    if integration.previous_signing_secret and integration.previous_valid_until:
        sealed += [integration.previous_signing_secret] if now < integration.previous_valid_until else []
    return [field_encryptor().decrypt(secret, context=_SIGNING + integration.id.bytes) for secret in sealed]


def reseal(integration: Integration) -> bool:
    """Bring every field of the row under the current key; True when one was under an older key."""
    before = (integration.credentials, integration.signing_secret, integration.previous_signing_secret)
    sealer = field_encryptor()
    signing = _SIGNING + integration.id.bytes
    if integration.credentials:
        integration.credentials = sealer.reencrypt(integration.credentials, context=_CREDENTIALS + integration.id.bytes)
    if integration.previous_signing_secret:
        integration.previous_signing_secret = sealer.reencrypt(integration.previous_signing_secret, context=signing)
    integration.signing_secret = sealer.reencrypt(integration.signing_secret, context=signing)
    return before != (integration.credentials, integration.signing_secret, integration.previous_signing_secret)
