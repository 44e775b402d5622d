"""The statements that write the result of a delivery to the notification's row."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from sqlalchemy import JSON, Table, Text, Update, bindparam, case, column, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.messaging.jobs import status_is
from heidi_common.messaging.outbox import EVENT_COLUMNS, emit_from, emit_statement
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import STREAM_SEQUENCE, Notification
from heidi_services.notification.service.delivery.claim import ClaimedNotification
from heidi_services.notification.service.delivery.provider_calls import ATTEMPTS
from heidi_services.notification.service.stream import lock_streams, notify_stream

NOTIFICATIONS = cast(Table, Notification.__table__)
_ROW = NOTIFICATIONS.c
_RELEASED: dict[str, Any] = {"locked_until": None, "updated_at": func.now(), "version": _ROW.version + 1}
_SENT: dict[str, Any] = {"sent_at": func.now(), "failure_reason": None, "sealed": None}
SHOWN_COLUMNS = (*(column(name, _ROW[name].type) for name in ("id", "user_id", "attempts")), *EVENT_COLUMNS)


def sent_statement(**values: Any) -> Update:
    """Build the UPDATE that marks a notification as sent; its parameter is `sent_id`.

    A receipt may have been processed before this result, so a status beyond SENT is kept.
    """
    status = case((_ROW.status == NotificationStatus.PENDING, NotificationStatus.SENT.value), else_=_ROW.status)
    changes = {"status": status} | _SENT | _RELEASED | values
    return update(NOTIFICATIONS).where(_ROW.id == bindparam("sent_id", type_=_ROW.id.type)).values(changes)


@cache
def shown_statement() -> CompiledStatement:
    """Build the statement that shows in-app messages: it draws their positions, and writes them and their events.

    A message that another worker has claimed meanwhile, or that is not pending any more, is left alone.

    Its parameters are `rows`, a JSON array of objects with the values of SHOWN_COLUMNS, and `ids`, the IDs again: with
    them PostgreSQL uses the primary key, because it knows how many rows there are.
    """
    rows = func.json_to_recordset(sql_cast(bindparam("rows", type_=Text), JSON))
    given = rows.table_valued(*SHOWN_COLUMNS).render_derived(name="given", with_types=True).c
    locked = lock_streams(given.user_id)
    ordered = select(*given).where(locked.c.streams > 0).order_by(given.id).subquery()
    position = select(*ordered.c, STREAM_SEQUENCE.next_value().label("position")).cte("positions").c
    own_claim = (
        (_ROW.id == position.id)
        & (_ROW.id == func.any(bindparam("ids", type_=ARRAY(_ROW.id.type))))
        & (_ROW.attempts == position.attempts)
        & status_is(_ROW.status, NotificationStatus.PENDING)
    )
    changes = _SENT | _RELEASED | {"status": NotificationStatus.SENT.value, "stream_id": position.position}
    events = [position[column.name] for column in EVENT_COLUMNS]
    shown = update(NOTIFICATIONS).where(own_claim).values(changes).returning(*events, notify_stream(_ROW.user_id))
    return CompiledStatement(emit_from(shown.cte("shown")), changes=True, prepared=True)


@cache
def sent_by_first_call_statement() -> CompiledStatement:
    """Build the statement of the most frequent result: it writes the attempt, the notification and the event together.

    Its parameters are `sent_id`, those of the event, and those of `attempt_parameters`.
    """
    row = {column.name: bindparam(f"attempt_{column.name}", type_=column.type) for column in ATTEMPTS.c}
    attempt = ATTEMPTS.insert().values(row).cte("attempt")
    sent = sent_statement(provider_id=row["provider_id"]).cte("sent")
    return CompiledStatement(emit_statement(notify=False).add_cte(attempt, sent), changes=True, prepared=True)


def attempt_parameters(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of `notification_attempts` as parameters of `sent_by_first_call_statement`."""
    return {f"attempt_{name}": value for name, value in row.items()}


def update_claimed(job: ClaimedNotification, **values: Any) -> bool:
    """Update a claimed notification and release it.

    Returns:
        False if nothing was updated: a receipt has already closed the notification, or the lease has expired and
        another worker has claimed it.
    """
    own_claim = (
        (_ROW.id == job.id) & status_is(_ROW.status, NotificationStatus.PENDING) & (_ROW.attempts == job.attempts)
    )
    statement = update(NOTIFICATIONS).where(own_claim).values(values | _RELEASED).returning(_ROW.id)
    return db.session.execute(statement).first() is not None
