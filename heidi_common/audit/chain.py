"""Verification of the audit trail's hash chain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Result, Text, func, literal_column, select

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db

GENESIS_HASH = "0" * 64
"""The `previous_hash` of the first row."""


@dataclass(frozen=True)
class ChainVerification:
    """The result of a verification.

    Attributes:
        rows: The number of intact rows from the start of the chain.
        head: The hash of the last of them. Stored elsewhere, it proves later that no rows were removed from the end.
        broken_at: The position of the first row that does not follow from the row before; None if all rows are intact.
    """

    rows: int
    head: str
    broken_at: int | None = None


def verify_chain() -> ChainVerification:
    """Recompute the hash of every row, up to the first row that does not follow from the row before."""
    rows, head = 0, GENESIS_HASH
    for position, previous_hash, stored_hash, content in _read_contents():
        if position != rows + 1 or previous_hash != head or _hash(previous_hash, content) != stored_hash:
            return ChainVerification(rows, head, broken_at=position)
        rows, head = rows + 1, stored_hash
    return ChainVerification(rows, head)


def _read_contents() -> Result[int, str, str, str]:
    """Stream (position, previous hash, hash, the text that was hashed) of every row."""
    content: ColumnElement[str] = func.audit_content(literal_column("audit"), type_=Text())
    statement = select(Audit.position, Audit.previous_hash, Audit.hash, content).order_by(Audit.position)
    return db.session.execute(statement.execution_options(yield_per=1000))


def _hash(previous_hash: str, content: str) -> str:
    return hashlib.sha256(f"{previous_hash}\n{content}".encode()).hexdigest()
