"""The log of facts, in the order in which they were committed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from heidi_common.database.pagination import Page, page
from heidi_common.messaging.outbox import OutboxEvent


def find(
    *,
    limit: int = 20,
    cursor: str | None = None,
    total: bool = False,
    sort: str = "-position",
    **filters: Any,
) -> Page:
    """One page of the log; a fact has its place in it as soon as the relay has passed it on."""
    statement = matching(select(OutboxEvent).where(OutboxEvent.position.is_not(None)), **filters)
    return page(
        statement,
        order=OutboxEvent.position,
        descending=sort.startswith("-"),
        tiebreak=OutboxEvent.position,
        limit=limit,
        cursor=cursor,
        total=total,
    )


def matching(
    statement: Select[Any],
    *,
    type: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
) -> Select[Any]:
    """Only facts of that type (`user.created`, `user.*`), about that subject, from then on."""
    if type is not None and type != "*":
        exact = not type.endswith(".*")
        statement = statement.where(
            OutboxEvent.type == type if exact else OutboxEvent.type.startswith(type[:-1], autoescape=True)
        )
    if subject is not None:
        statement = statement.where(OutboxEvent.subject == subject)
    if since is not None:
        statement = statement.where(OutboxEvent.created_at >= since)
    return statement
