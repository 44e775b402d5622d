"""Make inbox rows due again, so that a subscriber handles past events once more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, select, text, update

from heidi_common.database.session import db
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import lease_released

_REOPEN = text(
    "INSERT INTO inbox (event_id, consumer, is_bulk, hinted_until)"
    " SELECT event_id, :consumer, true, now() FROM unnest(:event_ids) AS given (event_id) ORDER BY event_id"
    " ON CONFLICT (event_id, consumer) DO UPDATE SET status = 'pending', is_bulk = true, attempts = 0,"
    " next_attempt_at = now(), hinted_until = now(), locked_until = NULL, last_error = NULL, done_at = NULL"
    " WHERE inbox.status <> 'pending' RETURNING event_id"
).bindparams(bindparam("event_ids", type_=ARRAY(Uuid)), bindparam("consumer", type_=Text))


def reopen(consumer: str, event_ids: Sequence[UUID]) -> list[UUID]:
    """Let a subscriber handle events, even those that it has handled, in the caller's transaction.

    The rows are those of bulk events: the clock releases them at a limited rate, so that current events do not wait.

    Returns:
        The events whose row is due because of this call. Those that were still to be handled are left out.
    """
    return list(db.session.scalars(_REOPEN, {"consumer": consumer, "event_ids": list(event_ids)}))


def statuses(consumer: str, event_ids: Collection[UUID]) -> dict[UUID, str]:
    """The status of each event for a subscriber."""
    rows = db.session.execute(_status_statement(), _parameters(consumer, event_ids))
    return {row.event_id: row.status for row in rows}


def withdraw(consumer: str, event_ids: Collection[UUID]) -> list[UUID]:
    """Discard the rows that no worker has begun to handle, in the caller's transaction; returns their events."""
    statement = (
        update(Inbox)
        .where(*_ROWS, Inbox.status == "pending", lease_released(Inbox))
        .values(status="discarded", done_at=func.now())
        .returning(Inbox.event_id)
        .execution_options(synchronize_session=False)
    )
    return list(db.session.scalars(statement, _parameters(consumer, event_ids)))


_IDS: Any = bindparam("event_ids", type_=ARRAY(Uuid))
_ROWS = (Inbox.consumer == bindparam("of_consumer", type_=Text), Inbox.event_id == any_(_IDS))


@cache
def _status_statement() -> Any:
    return select(Inbox.event_id, Inbox.status).where(*_ROWS)


def _parameters(consumer: str, event_ids: Collection[UUID]) -> dict[str, Any]:
    return {"of_consumer": consumer, "event_ids": list(event_ids)}
