"""The e-mail addresses behind the fingerprints of the audit trail, encrypted, for the investigation of incidents.

They are outside the chain of hashes, so that they can be deleted: after AUDIT_ADDRESS_RETENTION_DAYS, and when the user
is erased. The fingerprint in the trail stays.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index, delete, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.audit.fingerprint import fingerprint
from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.models import Base, utcnow
from heidi_common.database.reencryption import reencrypt_column
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

REFRESH_AFTER = timedelta(days=1)
"""How old an entry is before its time is updated, so that repeated failures do not write it each time."""
_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{3,253}")


class AuditAddress(Base):
    """An address that the audit trail names by its fingerprint, and when it last did so (to the day)."""

    __tablename__ = "audit_addresses"
    __table_args__ = (
        Index("ix_audit_addresses_recorded_at", "recorded_at"),
        Index("ix_audit_addresses_user_id", "user_id"),
    )

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    user_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]


def remember(email: str, user_id: UUID | None = None) -> str:
    """Store an address within the caller's transaction, unless the text is not an address.

    Args:
        email: The normalized address, or what a client has sent instead.
        user_id: The user whose erasure deletes it. The present address of a user is deleted in any case.

    Returns:
        The fingerprint, for the audit trail.
    """
    name, now = fingerprint(email), utcnow()
    if not _ADDRESS.fullmatch(email):
        return name
    sealed = field_encryptor().encrypt(email, context=_context(name))
    statement = insert(AuditAddress).values(fingerprint=name, sealed=sealed, user_id=user_id, recorded_at=now)
    changes = {"recorded_at": now, "user_id": statement.excluded.user_id}
    is_due = or_(AuditAddress.recorded_at < now - REFRESH_AFTER, statement.excluded.user_id.is_not(None))
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=changes, where=is_due))
    return name


def find(name: str) -> tuple[AuditAddress, str] | None:
    """Find the address behind a fingerprint; None if it is not stored (any more), or no key decrypts it."""
    row = db.session.get(AuditAddress, name)
    if row is None:
        return None
    try:
        return row, str(field_encryptor().decrypt(row.sealed, context=_context(name)))
    except DecryptionError:
        return None


def delete_for_user(user_id: UUID, email: str) -> None:
    """Delete a user's addresses: the present one, and those that were recorded as theirs."""
    own = or_(AuditAddress.user_id == user_id, AuditAddress.fingerprint == fingerprint(email))
    db.session.execute(delete(AuditAddress).where(own))


def reencrypt_all() -> tuple[int, list[str]]:
    """Re-encrypt all addresses with the first of ENCRYPTION_KEYS.

    Returns:
        How many were changed, and the fingerprints of those that no key decrypts.
    """
    return reencrypt_column(AuditAddress.fingerprint, AuditAddress.sealed, _context)


def _context(name: str) -> bytes:
    return b"audit address:" + name.encode()
