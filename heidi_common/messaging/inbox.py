"""The inbox: one row for each subscriber of an event, so that at-least-once delivery takes effect exactly once.

An event that its handler cannot process becomes a dead letter, which an operator inspects, replays or discards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Index, case, exists, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import HINT_LEASE, JobMixin, is_overdue
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.messaging.subscribers import SUBSCRIBERS

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 10
LEASE = timedelta(seconds=60)
"""How long a handler may run before other workers consider its attempt to have failed."""


class PermanentFailure(Exception):
    """Raised by a handler for a request that can never be carried out, so that it is not attempted again.

    The message is stored as the reason that the requester sees.
    """


class Inbox(JobMixin, Base):
    """The state of one event for one subscriber.

    The status is `pending` until the handler's effect is committed (`done`), the handler rejects the request
    (`refused`, with the reason in `last_error`), or the attempts are used up (`dead`). An operator can set a dead
    letter to `discarded`. Rows of bulk events (`is_bulk`) are released to the workers at a limited rate.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        Index("ix_inbox_due", "next_attempt_at", postgresql_where=text("status = 'pending'")),
        Index("ix_inbox_urgent", "next_attempt_at", postgresql_where=text("status = 'pending' AND NOT is_bulk")),
        Index("ix_inbox_dead", "event_id", postgresql_where=text("status = 'dead'")),
        Index("ix_inbox_errors", "event_id", postgresql_where=text("last_error IS NOT NULL")),
        Index("ix_inbox_done_at", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    done_at: Mapped[datetime | None]
    is_bulk: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    work, open_status = "inbox", "pending"

    @classmethod
    def queue_of_row(cls) -> ColumnElement[str]:
        """The queue of the subscriber, or that of bulk work."""
        queues = {subscriber.name: subscriber.queue for subscriber in SUBSCRIBERS.values()}
        return case((cls.is_bulk, "bulk"), else_=case(queues, value=cls.consumer, else_="unknown"))


def is_handled(event_id: Any) -> ColumnElement[bool]:
    """The condition that all subscribers of an event have handled it, and that it is not a dead letter.

    Each of the two conditions has an index with few rows; `status IN (...)` would read the whole table.

    Args:
        event_id: The column with the ID of the event.
    """
    is_event = Inbox.event_id == event_id
    return ~exists().where(is_event, Inbox.status == "pending") & ~exists().where(is_event, Inbox.status == "dead")


def delete_secret_data(*event_ids: UUID) -> None:
    """Delete the secret data of events unless a subscriber still needs it, in the caller's transaction.

    The events' rows are locked first, so that of two subscribers that finish at the same time the second one sees the
    status of the first.
    """
    is_one_of_them = OutboxEvent.id.in_(event_ids)
    db.session.execute(select(OutboxEvent.id).where(is_one_of_them).order_by(OutboxEvent.id).with_for_update())
    statement = update(OutboxEvent).where(is_one_of_them, is_handled(OutboxEvent.id)).values(sealed=None)
    db.session.execute(statement.execution_options(synchronize_session=False))


BULK_IN_FLIGHT = 400
"""The most rows of bulk events that wait for workers: enough to keep these busy, but few enough that all of them are
claimed before their wake-up messages count as lost (HINT_LEASE)."""


def collect_overdue(limit: int, consumers: Iterable[str] | None = None) -> list[tuple[str, UUID]]:
    """Collect due rows without a wake-up message under way, and mark them as hinted, as `jobs.collect_overdue` does.

    Rows of bulk events are left to `release_bulk`.

    Args:
        limit: The largest number of rows to collect.
        consumers: Only rows of these subscribers.

    Returns:
        The consumer and the event id of each row.
    """
    conditions = [~Inbox.is_bulk] if consumers is None else [~Inbox.is_bulk, Inbox.consumer.in_(tuple(consumers))]
    with transaction():
        return _collect(limit, *conditions)


def release_bulk(limit: int) -> list[tuple[str, UUID]]:
    """Collect the next rows of bulk events, so that no more than BULK_IN_FLIGHT wait for workers.

    Args:
        limit: The largest number of rows to collect.

    Returns:
        The consumer and the event id of each row.
    """
    in_flight = select(func.count()).where(Inbox.status == "pending", Inbox.is_bulk, Inbox.hinted_until > func.now())
    with transaction():
        capacity = min(limit, BULK_IN_FLIGHT - (db.session.scalar(in_flight) or 0))
        return _collect(capacity, Inbox.is_bulk.is_(True)) if capacity > 0 else []


def _collect(limit: int, *conditions: ColumnElement[bool]) -> list[tuple[str, UUID]]:
    due = (
        select(Inbox.event_id, Inbox.consumer)
        .where(is_overdue(Inbox, "pending"), *conditions)
        .order_by(Inbox.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(Inbox)
        .where(Inbox.event_id == due.c.event_id, Inbox.consumer == due.c.consumer)
        .values(hinted_until=func.now() + HINT_LEASE)
        .returning(Inbox.consumer, Inbox.event_id)
        .execution_options(synchronize_session=False)
    )
    return [(row.consumer, row.event_id) for row in db.session.execute(statement)]
