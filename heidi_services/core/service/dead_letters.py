"""Dead letters: events that a subscriber failed to handle too often. An operator replays or discards them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, update

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.totals import TotalRequest
from heidi_common.database.transactions import transaction
from heidi_common.messaging.inbox import Inbox, delete_secret_data
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import NotFound


@dataclass(frozen=True)
class DeadLetter:
    """An event with the inbox rows of the subscribers that failed to handle it."""

    event: OutboxEvent
    failures: Sequence[Inbox]


def find(*, limit: int = 20, cursor: str | None = None, total: TotalRequest = False) -> Page:
    """List dead letters, newest event first."""
    has_dead_rows = exists().where(Inbox.event_id == OutboxEvent.id, Inbox.status == "dead")
    events = page(
        select(OutboxEvent).where(has_dead_rows),
        order=OutboxEvent.id,
        descending=True,
        tiebreak=OutboxEvent.id,
        limit=limit,
        cursor=cursor,
        total=total,
    )
    failures = _failures([event.id for event in events.items])
    items = [DeadLetter(event, [row for row in failures if row.event_id == event.id]) for event in events.items]
    return Page(items, events.limit, events.next_cursor, events.total)


def get(event_id: UUID) -> DeadLetter:
    event, failures = db.session.get(OutboxEvent, event_id), _failures([event_id])
    if event is None or not failures:
        raise _not_found()
    return DeadLetter(event, failures)


def replay(event_id: UUID, consumer: str | None = None) -> int:
    """Make a dead letter due again with a full set of attempts. The clock wakes its subscribers.

    Args:
        event_id: The event.
        consumer: Replay it for this subscriber only. Default: for all that failed.

    Returns:
        The number of subscribers that will handle the event again.

    Raises:
        NotFound: The event is not a dead letter (of this subscriber).
    """
    due = {"status": "pending", "attempts": 0, "next_attempt_at": func.now(), "hinted_until": func.now()}
    return _update_dead_rows(event_id, consumer, due | {"locked_until": None})


def discard(event_id: UUID, consumer: str | None = None) -> int:
    """Give up a dead letter. The clock deletes its rows after the retention period.

    Args:
        event_id: The event.
        consumer: Discard it for this subscriber only. Default: for all that failed.

    Returns:
        The number of subscribers that will not handle the event.

    Raises:
        NotFound: The event is not a dead letter (of this subscriber).
    """
    with transaction():
        discarded = _update_dead_rows(event_id, consumer, {"status": "discarded", "done_at": func.now()})
        delete_secret_data(event_id)
    return discarded


def _failures(event_ids: Sequence[UUID]) -> Sequence[Inbox]:
    statement = select(Inbox).where(Inbox.event_id.in_(event_ids), Inbox.status == "dead").order_by(Inbox.consumer)
    return db.session.scalars(statement).all()


def _update_dead_rows(event_id: UUID, consumer: str | None, values: dict[str, Any]) -> int:
    statement = update(Inbox).where(Inbox.event_id == event_id, Inbox.status == "dead").values(**values)
    if consumer is not None:
        statement = statement.where(Inbox.consumer == consumer)
    with transaction():
        rows = db.session.execute(statement.returning(Inbox.consumer)).all()
    if not rows:
        raise _not_found()
    return len(rows)


def _not_found() -> NotFound:
    return NotFound("No dead letter found for this event.")
