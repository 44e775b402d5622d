"""Facts that a subscriber could not digest: looked at, tried again, or given up for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, update

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.inbox import Inbox, delete_secret_data
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import NotFound


@dataclass(frozen=True)
class DeadEvent:
    """A fact, and who could not digest it."""

    event: OutboxEvent
    failures: Sequence[Inbox]


def find(*, limit: int = 20, cursor: str | None = None, total: bool = False) -> Page:
    """Facts with a dead row in somebody's inbox, the newest first."""
    dead = exists().where(Inbox.event_id == OutboxEvent.id, Inbox.status == "dead")
    found = page(
        select(OutboxEvent).where(dead),
        order=OutboxEvent.id,
        descending=True,
        tiebreak=OutboxEvent.id,
        limit=limit,
        cursor=cursor,
        total=total,
    )
    failures = _failures([event.id for event in found.items])
    items = [DeadEvent(event, [row for row in failures if row.event_id == event.id]) for event in found.items]
    return Page(items, found.limit, found.next_cursor, found.total)


def get(event_id: UUID) -> DeadEvent:
    event, failures = db.session.get(OutboxEvent, event_id), _failures([event_id])
    if event is None or not failures:
        raise NotFound("No subscriber has given up on such a fact.")
    return DeadEvent(event, failures)


def replay(event_id: UUID, consumer: str | None = None) -> int:
    """Let its subscribers (or one of them) try again, with all attempts anew; the clock tells them."""
    fresh = {"status": "pending", "attempts": 0, "next_attempt_at": func.now(), "hinted_until": func.now()}
    return _settle(event_id, consumer, fresh | {"locked_until": None})


def discard(event_id: UUID, consumer: str | None = None) -> int:
    """Nobody needs to digest it any more; the row goes with the other settled ones."""
    with transaction():
        settled = _settle(event_id, consumer, {"status": "discarded", "done_at": func.now()})
        delete_secret_data(event_id)
    return settled


def _failures(event_ids: Sequence[UUID]) -> Sequence[Inbox]:
    statement = select(Inbox).where(Inbox.event_id.in_(event_ids), Inbox.status == "dead").order_by(Inbox.consumer)
    return db.session.scalars(statement).all()


def _settle(event_id: UUID, consumer: str | None, values: dict[str, Any]) -> int:
    statement = update(Inbox).where(Inbox.event_id == event_id, Inbox.status == "dead").values(**values)
    if consumer is not None:
        statement = statement.where(Inbox.consumer == consumer)
    with transaction():
        found = db.session.execute(statement.returning(Inbox.consumer)).all()
    if not found:
        raise NotFound("No subscriber has given up on such a fact.")
    return len(found)
