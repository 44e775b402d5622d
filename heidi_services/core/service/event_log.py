"""The log of events, in the order in which they were committed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true

from heidi_common.database.pagination import Page, page
from heidi_common.database.totals import TotalRequest
from heidi_common.messaging.outbox import OutboxEvent


def find(
    *,
    limit: int = 20,
    cursor: str | None = None,
    total: TotalRequest = False,
    sort: str = "-position",
    **filters: Any,
) -> Page:
    """List a page of the log. An event gets its position in the log when the relay publishes it.

    Args:
        limit: Size of the page.
        cursor: Where the page starts: the `next_cursor` of the page before.
        total: Whether to count all events that match.
        sort: `position` or `-position` (newest first).
        **filters: `type`, `subject` and `since`.
    """
    statement = _filtered(select(OutboxEvent).where(OutboxEvent.position.is_not(None)), **filters)
    return page(
        statement,
        order=OutboxEvent.position,
        descending=sort.startswith("-"),
        tiebreak=OutboxEvent.position,
        limit=limit,
        cursor=cursor,
        total=total,
    )


def _filtered(
    statement: Select[Any],
    *,
    type: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
) -> Select[Any]:
    """Restrict a statement to a type (`user.created`) or pattern (`user.*`), a subject, and a time of creation."""
    if type is not None:
        statement = statement.where(has_type(type))
    if subject is not None:
        statement = statement.where(OutboxEvent.subject == subject)
    if since is not None:
        statement = statement.where(OutboxEvent.created_at >= since)
    return statement


def has_type(pattern: str) -> ColumnElement[bool]:
    """The condition that an event has a type (`user.created`) or one of a pattern (`user.*`, `*`)."""
    if pattern == "*":
        return true()
    if pattern.endswith(".*"):
        return OutboxEvent.type.startswith(pattern[:-1], autoescape=True)
    return OutboxEvent.type == pattern
