"""Read and verify the audit trail, and read the addresses behind its fingerprints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, select

from heidi_common.audit import addresses, chain
from heidi_common.audit.trail import Audit, record
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Invalid, NotFound

MAX_CLOCK_STEP = timedelta(hours=1)
MAX_POSITION = 2**63 - 1


def list_rows(query: dict[str, Any]) -> Page:
    """List rows of the audit trail, newest first.

    Args:
        query: The attributes of `AuditQuery`: the filters `actor`, `action`, `target`, `outcome`, `from_` (inclusive)
            and `to` (exclusive), and the page.
    """
    statement = select(Audit)
    names = [name for name in ("target", "actor", "action", "outcome") if query.get(name) is not None]
    conditions = [getattr(Audit, name) == str(query[name]) for name in names]
    # The first one has an index, which the list is read from; the others filter it.
    indexed = conditions[:1] if names and names[0] != "outcome" else []
    statement = statement.where(*indexed, *_in_period(query.get("from_"), query.get("to")))
    return page(
        statement,
        order=Audit.position,
        descending=True,
        tiebreak=Audit.position,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
        filters=conditions[len(indexed) :],
    )


def _in_period(start: datetime | None, end: datetime | None) -> Iterator[ColumnElement[bool]]:
    """Conditions on the time of a row, with bounds of its position, by which the list is read and paged.

    Time and position increase together unless the clock of the database is set back: a row may be older than those
    before it by up to MAX_CLOCK_STEP. So all rows before one that is older than `start` by more are too old as well.
    """
    position = select(Audit.position).limit(1)
    if start is not None:
        before = position.where(Audit.at < literal(start) - MAX_CLOCK_STEP).order_by(Audit.at.desc())
        yield from (Audit.at >= start, Audit.position > func.coalesce(before.scalar_subquery(), 0))
    if end is not None:
        after = position.where(Audit.at >= literal(end) + MAX_CLOCK_STEP).order_by(Audit.at)
        yield from (Audit.at < end, Audit.position < func.coalesce(after.scalar_subquery(), MAX_POSITION))


def read_address(fingerprint: str, actor: UUID | None) -> dict[str, Any]:
    """Read the e-mail address behind a fingerprint of the trail. The trail records who has read it.

    Args:
        fingerprint: `hmac:` and 32 hexadecimal digits, as a row names it.
        actor: The administrator; None for a command on the command line.

    Returns:
        The attributes of `AuditAddressOut`.

    Raises:
        NotFound: It is the fingerprint of another text, or the address was deleted after its retention period.
    """
    with transaction():
        stored = addresses.find(fingerprint)
        if stored is None:
            raise NotFound("No address is stored for this fingerprint.")
        row, email = stored
        record("audit_address_read", actor=actor, target=fingerprint)
        return {"fingerprint": fingerprint, "email": email, "recorded_at": row.recorded_at}


def verify_part(start: int, limit: int, actor: UUID) -> dict[str, Any]:
    """Verify a part of the hash chain. The trail records who has verified it, and the result.

    Args:
        start: The position of the first row.
        limit: The largest number of rows.
        actor: The administrator.

    Returns:
        The attributes of `AuditIntegrityOut`.

    Raises:
        Invalid: The trail has fewer rows than `start`.
    """
    result = chain.verify_range(start, limit)
    if start > result.last + 1:
        raise Invalid.field("/query/from", f"Must be at most {result.last + 1}: the trail has {result.last} entries.")
    is_intact = result.broken_at is None
    detail = {"from": start, "to": result.end, "brokenAt": result.broken_at}
    db.session.rollback()  # the streamed rows are read; the row below is written in a separate transaction
    with transaction():
        record("audit_verified", actor=actor, outcome="success" if is_intact else "failure", detail=detail)
    return {
        "is_intact": is_intact,
        "start": start,
        "end": result.end,
        "rows": result.rows,
        "head": result.head,
        "broken_at": result.broken_at,
        "last": result.last,
        "is_complete": is_intact and result.end >= result.last,
    }
