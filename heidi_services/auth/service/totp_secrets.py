"""The secrets of second factors, sealed: each is bound to its person, so that it opens nowhere else."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy import select

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.auth.models import Totp

log = logging.getLogger(__name__)
BATCH = 200


def encrypt(secret: str, user_id: UUID) -> str:
    return field_encryptor().encrypt(secret, context=_context(user_id))


def decrypt(factor: Totp) -> str | None:
    """None when the key is gone: then no code fits, and the recovery codes are what is left."""
    try:
        return str(field_encryptor().decrypt(factor.secret, context=_context(factor.user_id)))
    except DecryptionError:
        log.error("a second factor cannot be opened", extra={"user_id": str(factor.user_id)})
        return None


def reseal() -> tuple[int, list[UUID]]:
    """Bring all of them under the first of ENCRYPTION_KEYS: (how many were changed, whose no key opens)."""
    changed, lost, after = 0, list[UUID](), UUID(int=0)
    while True:
        with transaction():
            statement = select(Totp).where(Totp.user_id > after).order_by(Totp.user_id).limit(BATCH).with_for_update()
            factors = db.session.scalars(statement).all()
            for factor in factors:
                try:
                    changed += _reseal(factor)
                except DecryptionError:
                    lost.append(factor.user_id)
            after = factors[-1].user_id if factors else after
        if len(factors) < BATCH:
            return changed, lost


def _reseal(factor: Totp) -> bool:
    before, factor.secret = factor.secret, field_encryptor().reencrypt(factor.secret, context=_context(factor.user_id))
    return factor.secret != before


def _context(user_id: UUID) -> bytes:
    return b"totp:" + user_id.bytes
