"""Encrypt and decrypt the credentials and signing secrets of an integration.

The encryption context contains the row's ID and the kind of secret: a value that is copied to another row or column
cannot be decrypted there.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from heidi_common.crypto.encryption import field_encryptor
from heidi_services.integration.endpoint_auth import EndpointAuth
from heidi_services.integration.models import Integration

_CREDENTIALS, _SIGNING, _ENDPOINT = b"integration.credentials:", b"integration.signing:", b"integration.endpoint:"


def encrypt_credentials(integration_id: UUID, credentials: dict[str, str]) -> str | None:
    """Encrypt credentials; None if there are none, so that `hasCredentials` is false."""
    if not credentials:
        return None
    return field_encryptor().encrypt(credentials, context=_CREDENTIALS + integration_id.bytes)


def decrypt_credentials(integration: Integration) -> dict[str, str]:
    """Decrypt the credentials. Raises DecryptionError if their key was removed from ENCRYPTION_KEYS."""
    if integration.credentials is None:
        return {}
    context = _CREDENTIALS + integration.id.bytes
    credentials: dict[str, str] = field_encryptor().decrypt(integration.credentials, context=context)
    return credentials


def set_endpoint_auth(integration: Integration, auth: EndpointAuth | None) -> None:
    """Encrypt the authentication at the endpoint; None removes it."""
    context = _ENDPOINT + integration.id.bytes
    integration.endpoint_auth = None if auth is None else field_encryptor().encrypt(asdict(auth), context=context)
    integration.endpoint_auth_info = None if auth is None else auth.public()


def decrypt_endpoint_auth(integration: Integration) -> EndpointAuth | None:
    """Decrypt the authentication at the endpoint. Raises DecryptionError if its key was removed."""
    if integration.endpoint_auth is None:
        return None
    return EndpointAuth(
        **field_encryptor().decrypt(integration.endpoint_auth, context=_ENDPOINT + integration.id.bytes)
    )


def encrypt_signing_secret(integration_id: UUID, secret: str) -> str:
    """Encrypt a signing secret."""
    return field_encryptor().encrypt(secret, context=_SIGNING + integration_id.bytes)


def decrypt_signing_secrets(integration: Integration, now: datetime) -> list[str]:
    """Decrypt the signing secrets that are valid at `now`.

    Returns:
        The current secret, then the earlier ones whose validity has not ended, newest first.

    Raises:
        DecryptionError: The key of a secret was removed from ENCRYPTION_KEYS.
    """
    encrypted = [integration.signing_secret, *(entry.secret for entry in earlier_secrets(integration, now))]
    return [field_encryptor().decrypt(secret, context=_SIGNING + integration.id.bytes) for secret in encrypted]


class EarlierSecret(NamedTuple):
    """A signing secret that was replaced, encrypted, and the time until which deliveries carry its signature."""

    secret: str
    valid_until: datetime


def earlier_secrets(integration: Integration, now: datetime) -> list[EarlierSecret]:
    """The replaced secrets that are valid at `now`, newest first."""
    secrets = []
    if integration.previous_signing_secret and integration.previous_valid_until:
        secrets.append(EarlierSecret(integration.previous_signing_secret, integration.previous_valid_until))
    for older in integration.older_signing_secrets:
        secrets.append(EarlierSecret(older["secret"], datetime.fromisoformat(older["validUntil"])))
    return [entry for entry in secrets if now < entry.valid_until]


def replace_signing_secret(integration: Integration, secret: str, *, now: datetime, validity: timedelta) -> None:
    """Make `secret` the current one.

    Args:
        integration: The row to change.
        secret: The new secret.
        now: The time of the rotation.
        validity: How long the present secret stays valid. Earlier ones keep the end that they were promised.
    """
    older = earlier_secrets(integration, now)
    integration.older_signing_secrets = [
        {"secret": entry.secret, "validUntil": entry.valid_until.isoformat()} for entry in older
    ]
    integration.previous_signing_secret = integration.signing_secret
    integration.previous_valid_until = now + validity
    integration.signing_secret = encrypt_signing_secret(integration.id, secret)


def reencrypt(integration: Integration) -> bool:
    """Encrypt all secrets of the row with the current key; True if any of them used an older key."""
    before = _encrypted_values(integration)
    encrypt_again = field_encryptor().reencrypt
    credentials, signing = _CREDENTIALS + integration.id.bytes, _SIGNING + integration.id.bytes
    if integration.credentials:
        integration.credentials = encrypt_again(integration.credentials, context=credentials)
    if integration.endpoint_auth:
        context = _ENDPOINT + integration.id.bytes
        integration.endpoint_auth = encrypt_again(integration.endpoint_auth, context=context)
    if integration.previous_signing_secret:
        integration.previous_signing_secret = encrypt_again(integration.previous_signing_secret, context=signing)
    integration.signing_secret = encrypt_again(integration.signing_secret, context=signing)
    integration.older_signing_secrets = [
        {**older, "secret": encrypt_again(older["secret"], context=signing)}
        for older in integration.older_signing_secrets
    ]
    return before != _encrypted_values(integration)


def _encrypted_values(integration: Integration) -> tuple[object, ...]:
    row = integration
    return (
        row.credentials,
        row.endpoint_auth,
        row.signing_secret,
        row.previous_signing_secret,
        row.older_signing_secrets,
    )
