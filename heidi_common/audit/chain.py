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


@dataclass(frozen=True)
class RangeVerification(ChainVerification):
    """The result of a verification of a part of the chain; `rows` and `head` are those of the part.

    Attributes:
        start: The position of its first row.
        last: The position of the newest row of the trail.
    """

    start: int = 1
    last: int = 0

    @property
    def end(self) -> int:
        """The position of the last intact row; `start - 1` if there is none."""
        return self.start + self.rows - 1


def verify_chain() -> ChainVerification:
    """Recompute the hash of every row, up to the first row that does not follow from the row before."""
    return ChainVerification(*_verify(1, GENESIS_HASH, None))


def verify_range(start: int, limit: int) -> RangeVerification:
    """Recompute the hashes of a part of the chain. Parts that follow each other verify all of it.

    Args:
        start: The position of the first row. It must follow from the row before, whose own hash is not recomputed.
        limit: The largest number of rows.
    """
    last = db.session.scalar(select(func.max(Audit.position))) or 0
    before = GENESIS_HASH if start == 1 else db.session.scalar(select(Audit.hash).where(Audit.position == start - 1))
    rows, head, broken_at = _verify(start, before or "", limit)
    return RangeVerification(rows, head, broken_at, start, max(last, start + rows - 1) if rows else last)


def _verify(start: int, head: str, limit: int | None) -> tuple[int, str, int | None]:
    """Verify rows from a position on. Returns the arguments of `ChainVerification`."""
    rows = 0
    for position, previous_hash, stored_hash, content in _read_contents(start, limit):
        if position != start + rows or previous_hash != head or _hash(previous_hash, content) != stored_hash:
            return rows, head, position
        rows, head = rows + 1, stored_hash
    return rows, head, None


def _read_contents(start: int, limit: int | None) -> Result[int, str, str, str]:
    """Stream (position, previous hash, hash, the text that was hashed) of rows from a position on."""
    content: ColumnElement[str] = func.audit_content(literal_column("audit"), type_=Text())
    statement = select(Audit.position, Audit.previous_hash, Audit.hash, content).where(Audit.position >= start)
    ordered = statement.order_by(Audit.position).limit(limit)
    return db.session.execute(ordered.execution_options(yield_per=1000))


def _hash(previous_hash: str, content: str) -> str:
    return hashlib.sha256(f"{previous_hash}\n{content}".encode()).hexdigest()
