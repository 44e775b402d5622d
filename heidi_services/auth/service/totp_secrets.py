"""The secrets of second factors, encrypted. Each is bound to its user: in another user's row it cannot be decrypted."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.reencryption import reencrypt_column
from heidi_common.identity.models import Totp
from heidi_services.auth import totp

log = logging.getLogger(__name__)


def encrypt(secret: str, user_id: UUID) -> str:
    """Encrypt a secret for a user's row."""
    return field_encryptor().encrypt(secret, context=_context(user_id))


def decrypt(factor: Totp) -> str | None:
    """Decrypt a user's secret; None if no key fits. Then no code matches, and only recovery codes work."""
    try:
        return str(field_encryptor().decrypt(factor.secret, context=_context(factor.user_id)))
    except DecryptionError:
        log.error("the secret of a second factor cannot be decrypted", extra={"user_id": str(factor.user_id)})
        return None


def matching_step(factor: Totp, code: str, now: datetime) -> int | None:
    """Find the time step of a code; None if it is wrong."""
    secret = decrypt(factor)
    return None if secret is None else totp.matching_step(secret, code, now)


def reencrypt_all() -> tuple[int, list[UUID]]:
    """Re-encrypt all secrets with the first of ENCRYPTION_KEYS.

    Returns:
        How many secrets were changed, and the users whose secret no key decrypts.
    """
    return reencrypt_column(Totp.user_id, Totp.secret, _context)


def _context(user_id: UUID) -> bytes:
    return b"totp:" + user_id.bytes
