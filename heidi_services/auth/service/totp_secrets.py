"""The secrets of second factors, encrypted. Each is bound to its user: in another user's row it cannot be decrypted."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Totp
from heidi_services.auth import totp

log = logging.getLogger(__name__)
BATCH = 200


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
    """Re-encrypt all secrets with the first of ENCRYPTION_KEYS, in one transaction per batch.

    Returns:
        How many secrets were changed, and the users whose secret no key decrypts.
    """
    changed, undecryptable, last_id = 0, list[UUID](), UUID(int=0)
    while True:
        with transaction():
            statement = select(Totp).where(Totp.user_id > last_id).order_by(Totp.user_id).limit(BATCH)
            factors = db.session.scalars(statement.with_for_update()).all()
            for factor in factors:
                try:
                    changed += _reencrypt(factor)
                except DecryptionError:
                    undecryptable.append(factor.user_id)
            last_id = factors[-1].user_id if factors else last_id
        if len(factors) < BATCH:
            return changed, undecryptable


def _reencrypt(factor: Totp) -> bool:
    before, factor.secret = factor.secret, field_encryptor().reencrypt(factor.secret, context=_context(factor.user_id))
    return factor.secret != before


def _context(user_id: UUID) -> bytes:
    return b"totp:" + user_id.bytes
