"""The inbox: one row for each subscriber of an event, so that at-least-once delivery takes effect exactly once.

An event that its handler cannot process becomes a dead letter, which an operator inspects, replays or discards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Index, exists, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base, storable_text, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import JobMixin, backoff, lease_released, status_is
from heidi_common.messaging.outbox import OutboxEvent

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
    letter to `discarded`.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        Index("ix_inbox_due", "next_attempt_at", postgresql_where=text("status = 'pending'")),
        Index("ix_inbox_dead", "event_id", postgresql_where=text("status = 'dead'")),
        Index("ix_inbox_done_at", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    done_at: Mapped[datetime | None]


def handle(consumer: str, event_id: UUID, handler: Callable[[OutboxEvent], object]) -> bool:
    """Run the handler of a subscriber for an event, unless that has been done.

    The attempt is counted and committed first, so that an event which kills its worker runs out of attempts too. The
    handler's effect and the status `done` are committed together. A second worker waits for the lock of the row and
    then finds it done.

    Args:
        consumer: The name of the subscriber.
        event_id: The event, which must have an inbox row for the subscriber.
        handler: Called with the event, inside a transaction. It is not called if the event is no longer stored.

    Returns:
        Whether the row is now `done` because of this call. False if it is not due, was done before, has become a
        dead letter, or if the handler has rejected the request.

    Raises:
        Exception: What the handler has raised. The row is due again later, or is a dead letter after the last attempt.
    """
    if not _count_attempt(consumer, event_id):
        return False
    try:
        with transaction():
            if not _lock(consumer, event_id):
                return False
            event = db.session.get(OutboxEvent, event_id)
            if event is not None:
                handler(event)
            _update(consumer, event_id, status="done", done_at=func.now(), last_error=None)
            if event is not None and event.sealed is not None:
                delete_secret_data(event_id)
    except PermanentFailure as failure:
        _record_permanent_failure(consumer, event_id, failure)
        return False
    except Exception as error:
        _reschedule(consumer, event_id, error)
        raise
    return True


def _record_permanent_failure(consumer: str, event_id: UUID, failure: PermanentFailure) -> None:
    reason = str(failure)
    context = {"consumer": consumer, "event_id": str(event_id), "reason": reason[:200]}
    log.warning("event handler rejected the request", extra=context)
    with transaction():
        _update(consumer, event_id, status="refused", done_at=func.now(), last_error=storable_text(reason)[:500])
        delete_secret_data(event_id)


def delete_secret_data(event_id: UUID) -> None:
    """Delete the secret data of an event unless a subscriber still needs it, in the caller's transaction.

    The event's row is locked first, so that of two subscribers that finish at the same time the second one sees the
    status of the first.
    """
    db.session.execute(select(OutboxEvent.id).where(OutboxEvent.id == event_id).with_for_update())
    is_needed = exists().where(Inbox.event_id == event_id, Inbox.status.in_(("pending", "dead")))
    statement = update(OutboxEvent).where(OutboxEvent.id == event_id, ~is_needed).values(sealed=None)
    db.session.execute(statement.execution_options(synchronize_session=False))


def _pending_row(consumer: str, event_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Inbox.consumer == consumer, Inbox.event_id == event_id, status_is(Inbox.status, "pending")


def _count_attempt(consumer: str, event_id: UUID) -> bool:
    """Count the attempt and lease the row. After the last attempt the row becomes a dead letter instead."""
    statement = (
        update(Inbox)
        .where(*_pending_row(consumer, event_id), Inbox.next_attempt_at <= func.now())
        .where(lease_released(Inbox))
        .values(attempts=Inbox.attempts + 1, locked_until=func.now() + LEASE)
        .returning(Inbox.attempts)
    )
    with transaction():
        attempts = db.session.scalar(statement)
        if attempts is not None and attempts > MAX_ATTEMPTS:
            _update(consumer, event_id, status="dead")
            context = {"consumer": consumer, "event_id": str(event_id)}
            log.error("event handler failed permanently; moved to dead letters", extra=context)
            return False
    return attempts is not None


def _lock(consumer: str, event_id: UUID) -> bool:
    statement = select(Inbox.event_id).where(*_pending_row(consumer, event_id)).with_for_update()
    return db.session.execute(statement).first() is not None


def _update(consumer: str, event_id: UUID, **values: object) -> None:
    db.session.execute(update(Inbox).where(*_pending_row(consumer, event_id)).values(**values))


def _reschedule(consumer: str, event_id: UUID, error: Exception) -> None:
    """Release the row with a later due time. After the last attempt it becomes a dead letter."""
    values: dict[str, object]
    with transaction():
        attempts = db.session.scalar(select(Inbox.attempts).where(*_pending_row(consumer, event_id))) or 0
        later = utcnow() + backoff(attempts, base=1, cap=300)
        values = {"next_attempt_at": later, "hinted_until": later, "locked_until": None}
        values["status"] = "dead" if attempts >= MAX_ATTEMPTS else "pending"
        values["last_error"] = storable_text(f"{type(error).__name__}: {error}")[:500]
        _update(consumer, event_id, **values)


def collect_overdue(limit: int) -> list[tuple[str, UUID]]:
    """Collect due rows without a wake-up message under way, and mark them as hinted, as `jobs.collect_overdue` does.

    Args:
        limit: The largest number of rows to collect.

    Returns:
        The consumer and the event id of each row.
    """
    due = (
        select(Inbox.event_id, Inbox.consumer)
        .where(Inbox.status == "pending", Inbox.next_attempt_at <= func.now(), Inbox.hinted_until <= func.now())
        .where(lease_released(Inbox))
        .order_by(Inbox.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(Inbox)
        .where(Inbox.event_id == due.c.event_id, Inbox.consumer == due.c.consumer)
        .values(hinted_until=func.now() + timedelta(seconds=30))
        .returning(Inbox.consumer, Inbox.event_id)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        return [(row.consumer, row.event_id) for row in db.session.execute(statement)]
