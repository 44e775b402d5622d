"""One row per subscriber of a fact: once-only effect from at-least-once delivery.

What a subscriber cannot digest ends here as a dead row, to be looked at, replayed or discarded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Index, exists, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base, storable, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import JobMixin, backoff, lease_released, status_is
from heidi_common.messaging.outbox import OutboxEvent

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 10
LEASE = timedelta(seconds=60)


class PermanentFailure(Exception):
    """A subscriber's answer to a request that can never be done: no trouble of its own, and nothing to try again."""


class Inbox(JobMixin, Base):
    """`pending` until its effect is committed (`done`), its subscriber says no (`refused`, `last_error` tells why), or
    it was tried too often (`dead`, `discarded` by somebody)."""

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
    """Let `handler` take in the fact, once; True when it did.

    The attempt is counted and committed first, so that a message which kills its worker still runs out of attempts.
    The effect and the mark `done` share one transaction; whoever comes second finds the row locked, then done.
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
                delete_encrypted_data(event_id)
    except PermanentFailure as refusal:
        _record_permanent_failure(consumer, event_id, refusal)
        return False
    except Exception as error:
        _reschedule(consumer, event_id, error)
        raise
    return True


def _record_permanent_failure(consumer: str, event_id: UUID, refusal: PermanentFailure) -> None:
    """For good; what was sealed for it is of no more use."""
    about = {"consumer": consumer, "event_id": str(event_id), "reason": str(refusal)[:200]}
    log.warning("a request was refused", extra=about)
    with transaction():
        _update(consumer, event_id, status="refused", done_at=func.now(), last_error=storable(str(refusal))[:500])
        delete_encrypted_data(event_id)


def delete_encrypted_data(event_id: UUID) -> None:
    """What was sealed beside a fact goes with the last subscriber who may need it; in the caller's transaction.

    The fact's row is held, so that of two who end at once the second sees the first.
    """
    db.session.execute(select(OutboxEvent.id).where(OutboxEvent.id == event_id).with_for_update())
    wanted = exists().where(Inbox.event_id == event_id, Inbox.status.in_(("pending", "dead")))
    used = update(OutboxEvent).where(OutboxEvent.id == event_id, ~wanted).values(sealed=None)
    db.session.execute(used.execution_options(synchronize_session=False))


def _row(consumer: str, event_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Inbox.consumer == consumer, Inbox.event_id == event_id, status_is(Inbox.status, "pending")


def _count_attempt(consumer: str, event_id: UUID) -> bool:
    """Count, and put the next look beyond this try's lease; a row tried too often is dead."""
    statement = (
        update(Inbox)
        .where(*_row(consumer, event_id), Inbox.next_attempt_at <= func.now())
        .where(lease_released(Inbox))
        .values(attempts=Inbox.attempts + 1, locked_until=func.now() + LEASE)
        .returning(Inbox.attempts)
    )
    with transaction():
        attempts = db.session.scalar(statement)
        if attempts is not None and attempts > MAX_ATTEMPTS:
            _update(consumer, event_id, status="dead")
            log.error("a fact could not be digested", extra={"consumer": consumer, "event_id": str(event_id)})
            return False
    return attempts is not None


def _lock(consumer: str, event_id: UUID) -> bool:
    statement = select(Inbox.event_id).where(*_row(consumer, event_id)).with_for_update()
    return db.session.execute(statement).first() is not None


def _update(consumer: str, event_id: UUID, **values: object) -> None:
    db.session.execute(update(Inbox).where(*_row(consumer, event_id)).values(**values))


def _reschedule(consumer: str, event_id: UUID, error: Exception) -> None:
    """Give the row back with a later due time; the last attempt leaves it dead."""
    values: dict[str, object]
    with transaction():
        found = select(Inbox.attempts).where(*_row(consumer, event_id))
        attempts = db.session.scalar(found) or 0
        later = utcnow() + backoff(attempts, base=1, cap=300)
        values = {"next_attempt_at": later, "hinted_until": later, "locked_until": None}
        values["status"] = "dead" if attempts >= MAX_ATTEMPTS else "pending"
        values["last_error"] = storable(f"{type(error).__name__}: {error}")[:500]
        _update(consumer, event_id, **values)


def overdue(limit: int) -> list[tuple[str, UUID]]:
    """Pending rows that nobody was told about lately, stamped as told: (consumer, event id)."""
    due = (
        select(Inbox.event_id, Inbox.consumer)
        .where(Inbox.status == "pending", Inbox.next_attempt_at <= func.now(), Inbox.hinted_until <= func.now())
        .where(lease_released(Inbox))
        .order_by(Inbox.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    stamp = (
        update(Inbox)
        .where(Inbox.event_id == due.c.event_id, Inbox.consumer == due.c.consumer)
        .values(hinted_until=func.now() + timedelta(seconds=30))
        .returning(Inbox.consumer, Inbox.event_id)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        return [(row.consumer, row.event_id) for row in db.session.execute(stamp)]
