"""Re-encrypt the rows of a table, after a key was added in front of ENCRYPTION_KEYS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.crypto.encryption import DecryptionError, field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

BATCH = 200
Key = TypeVar("Key")


def reencrypt_column(
    key: InstrumentedAttribute[Key], column: InstrumentedAttribute[str], context: Callable[[Key], bytes]
) -> tuple[int, list[Key]]:
    """Re-encrypt a column of all rows of a table with the first of ENCRYPTION_KEYS, as `reencrypt_rows` does.

    Args:
        key: The primary key.
        column: The encrypted column.
        context: Returns the context with which the value of a row is encrypted, by its key.
    """

    def reencrypt(row: Any) -> bool:
        before = getattr(row, column.key)
        after = field_encryptor().reencrypt(before, context=context(getattr(row, key.key)))
        setattr(row, column.key, after)
        return bool(after != before)

    return reencrypt_rows(key, reencrypt)


def reencrypt_rows(
    key: InstrumentedAttribute[Key], reencrypt: Callable[[Any], bool], *, batch: int = BATCH
) -> tuple[int, list[Key]]:
    """Re-encrypt all rows of a table, in the order of their keys, in one transaction per batch.

    Args:
        key: The primary key.
        reencrypt: Encrypts what a row contains with the first of ENCRYPTION_KEYS, and returns whether that changed it.
            It raises DecryptionError if no key fits.
        batch: How many rows are locked at a time.

    Returns:
        How many rows were changed, and the keys of those that no encryption key decrypts.
    """
    changed, undecryptable = 0, list[Key]()
    statement = select(key.class_).order_by(key).limit(batch).with_for_update()
    following = statement
    while True:
        with transaction():
            rows = db.session.scalars(following).all()
            for row in rows:
                try:
                    changed += reencrypt(row)
                except DecryptionError:
                    undecryptable.append(getattr(row, key.key))
            last = getattr(rows[-1], key.key) if rows else None
        if len(rows) < batch:
            return changed, undecryptable
        following = statement.where(key > last)
