"""Encrypt and decrypt the credentials and signing secrets of an integration.

The encryption context contains the row's ID and the kind of secret: a value that is copied to another row or column
cannot be decrypted there.
"""

from datetime import datetime
from uuid import UUID

from heidi_common.crypto.encryption import field_encryptor
from heidi_services.integration.models import Integration

_CREDENTIALS, _SIGNING = b"integration.credentials:", b"integration.signing:"


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


def encrypt_signing_secret(integration_id: UUID, secret: str) -> str:
    """Encrypt a signing secret."""
    return field_encryptor().encrypt(secret, context=_SIGNING + integration_id.bytes)


def decrypt_signing_secrets(integration: Integration, now: datetime) -> list[str]:
    """Decrypt the signing secrets that are valid at `now`.

    Returns:
        The current secret, then the previous one until its validity ends.

    Raises:
        DecryptionError: The key of a secret was removed from ENCRYPTION_KEYS.
    """
    encrypted = [integration.signing_secret]
    if integration.previous_signing_secret and integration.previous_valid_until:
        encrypted += [integration.previous_signing_secret] if now < integration.previous_valid_until else []
    return [field_encryptor().decrypt(secret, context=_SIGNING + integration.id.bytes) for secret in encrypted]


def reencrypt(integration: Integration) -> bool:
    """Encrypt all secrets of the row with the current key; True if any of them used an older key."""
    before = (integration.credentials, integration.signing_secret, integration.previous_signing_secret)
    encryptor = field_encryptor()
    credentials, signing = _CREDENTIALS + integration.id.bytes, _SIGNING + integration.id.bytes
    if integration.credentials:
        integration.credentials = encryptor.reencrypt(integration.credentials, context=credentials)
    if integration.previous_signing_secret:
        integration.previous_signing_secret = encryptor.reencrypt(integration.previous_signing_secret, context=signing)
    integration.signing_secret = encryptor.reencrypt(integration.signing_secret, context=signing)
    return before != (integration.credentials, integration.signing_secret, integration.previous_signing_secret)
