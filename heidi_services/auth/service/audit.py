"""Read the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from heidi_common.audit.trail import Audit
from heidi_common.database.pagination import Page, page


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
    statement = statement.where(*indexed)
    if query.get("from_"):
        statement = statement.where(Audit.at >= query["from_"])
    if query.get("to"):
        statement = statement.where(Audit.at < query["to"])
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
