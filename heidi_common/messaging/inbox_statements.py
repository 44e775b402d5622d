"""The statements with which a worker claims inbox rows, records their results and reschedules them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Interval, Text, Uuid, any_, bindparam, func, literal, select, update

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.messaging.inbox import LEASE, Inbox
from heidi_common.messaging.jobs import lease_end, lease_released, status_is
from heidi_common.messaging.outbox import OutboxEvent

_IDS: Any = bindparam("event_ids", type_=ARRAY(Uuid))
_ROWS = (Inbox.consumer == bindparam("consumer", type_=Text), Inbox.event_id == any_(_IDS))
_IS_PENDING = status_is(Inbox.status, "pending")
_IS_DUE = (_IS_PENDING, Inbox.next_attempt_at <= func.now(), lease_released(Inbox))


class ClaimedRow(NamedTuple):
    """A row that this worker has leased. `attempts` includes this attempt and identifies the claim."""

    event_id: UUID
    attempts: int


def claim_new(consumer: str, event_ids: Sequence[UUID]) -> list[ClaimedRow]:
    """Claim those due rows that have never been claimed: count the attempt and lease them, in one statement.

    Rows that another worker is claiming are left to it. A row that was claimed before may have crashed its worker, so
    it is not processed together with others.
    """
    rows = _claim_new_statement().all(consumer=consumer, event_ids=list(event_ids))
    return sorted(ClaimedRow(row.event_id, row.attempts) for row in rows)


def claim_one(consumer: str, event_id: UUID) -> ClaimedRow | None:
    """Claim a row if it is due; None if it is not, or if another worker has claimed it."""
    row = _claim_one_statement().first(consumer=consumer, event_ids=[event_id])
    return None if row is None else ClaimedRow(row.event_id, row.attempts)


def find_attempted(consumer: str, event_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the rows that are due and were claimed before, fewest attempts first.

    One of them may have crashed its worker. It has the most attempts, and must not come before its neighbors again
    and again.
    """
    return [row.event_id for row in _attempted_statement().all(consumer=consumer, event_ids=list(event_ids))]


def lock_claimed(consumer: str, claimed: Sequence[ClaimedRow]) -> dict[UUID, OutboxEvent | None]:
    """Lock claimed rows and load their events, in the caller's transaction.

    Returns:
        The events by ID, oldest first; None for an event that is no longer stored. Rows whose lease has expired and
        that another worker has claimed or finished are missing.
    """
    attempts = {row.event_id: row.attempts for row in claimed}
    values = {"consumer": consumer, "event_ids": list(attempts)}
    rows = db.session.execute(_lock_statement(), values, execution_options={"populate_existing": True})
    return {row.event_id: row.OutboxEvent for row in rows if row.attempts == attempts[row.event_id]}


def mark_done(consumer: str, event_ids: Sequence[UUID]) -> None:
    """Record that the handler's effect is part of the caller's transaction."""
    _done_statement().all(consumer=consumer, event_ids=list(event_ids))


def end(consumer: str, claimed: ClaimedRow, status: str, reason: str | None = None) -> bool:
    """Set a final status without an effect: `refused` with the reason, or `dead`; False if the claim has ended."""
    is_finished = status == "refused"
    statement = _end_statement(is_finished)
    values = {"consumer": consumer, "event_ids": [claimed.event_id], "attempts_made": claimed.attempts}
    return statement.first(**values, new_status=status, reason=reason) is not None


def reschedule(consumer: str, claimed: ClaimedRow, status: str, due_at: datetime, error: str) -> None:
    """Release a row after a failed attempt, unless the claim has ended."""
    values = {"consumer": consumer, "event_ids": [claimed.event_id], "attempts_made": claimed.attempts}
    _reschedule_statement().all(**values, new_status=status, due_at=due_at, error=error)


@cache
def _claim_new_statement() -> CompiledStatement:
    new = (
        select(Inbox.event_id)
        .where(*_ROWS, *_IS_DUE, Inbox.attempts == 0)
        .order_by(Inbox.event_id)
        .with_for_update(skip_locked=True)
        .cte("new")
    )
    return _claim(new.c.event_id == Inbox.event_id, Inbox.consumer == bindparam("consumer", type_=Text))


@cache
def _claim_one_statement() -> CompiledStatement:
    return _claim(*_ROWS, *_IS_DUE)


def _claim(*conditions: Any) -> CompiledStatement:
    values = {"attempts": Inbox.attempts + 1, "locked_until": lease_end(Inbox.attempts, literal(LEASE, Interval))}
    statement = update(Inbox).where(*conditions).values(values).returning(Inbox.event_id, Inbox.attempts)
    return CompiledStatement(statement, changes=True, prepared=True)


@cache
def _attempted_statement() -> CompiledStatement:
    attempted = select(Inbox.event_id).where(*_ROWS, *_IS_DUE, Inbox.attempts > 0)
    return CompiledStatement(attempted.order_by(Inbox.attempts, Inbox.event_id))


@cache
def _lock_statement() -> Any:
    """The event is an entity of the session, as handlers expect it."""
    return (
        select(Inbox.event_id, Inbox.attempts, OutboxEvent)
        .outerjoin(OutboxEvent, OutboxEvent.id == Inbox.event_id)
        .where(*_ROWS, _IS_PENDING)
        .order_by(Inbox.event_id)
        .with_for_update(of=Inbox)
    )


@cache
def _done_statement() -> CompiledStatement:
    statement = update(Inbox).where(*_ROWS, _IS_PENDING)
    statement = statement.values(status="done", done_at=func.now(), last_error=None)
    return CompiledStatement(statement.returning(Inbox.event_id), changes=True, prepared=True)


_OWN_CLAIM = (*_ROWS, _IS_PENDING, Inbox.attempts == bindparam("attempts_made", type_=Integer))
_NEW_STATUS: Any = bindparam("new_status", type_=Text)


@cache
def _end_statement(is_finished: bool) -> CompiledStatement:
    finished = {"done_at": func.now(), "last_error": bindparam("reason", type_=Text)} if is_finished else {}
    statement = update(Inbox).where(*_OWN_CLAIM).values(status=_NEW_STATUS, **finished)
    return CompiledStatement(statement.returning(Inbox.event_id), changes=True, prepared=True)


@cache
def _reschedule_statement() -> CompiledStatement:
    due_at: Any = bindparam("due_at", type_=DateTime(timezone=True))
    times = {"next_attempt_at": due_at, "hinted_until": due_at, "locked_until": None}
    statement = update(Inbox).where(*_OWN_CLAIM)
    statement = statement.values(status=_NEW_STATUS, last_error=bindparam("error", type_=Text), **times)
    return CompiledStatement(statement.returning(Inbox.event_id), changes=True, prepared=True)
