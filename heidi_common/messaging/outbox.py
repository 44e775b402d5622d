"""The transactional outbox: `emit` stores an event in the caller's transaction, so that a rollback discards it too.

The table is also the event log. The relay publishes each row and assigns its `position` in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, FromClause, Index, Sequence, Table, bindparam, column, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.dml import ReturningInsert
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import Base, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.request_id import request_id
from heidi_common.messaging.events import Event
from heidi_common.tracing.spans import traceparent

OUTBOX_CHANNEL = "outbox"
"""Notified when events have been emitted. The relay listens."""
POSITIONED_CHANNEL = "outbox_placed"
"""Notified when the relay has assigned positions in the event log."""
POSITION_SEQUENCE = Sequence("outbox_position", metadata=Base.metadata)


class OutboxEvent(Base):
    """A stored event.

    `sealed` is its encrypted secret data, which is deleted when the last subscriber has used it. Events of bulk work
    (`is_bulk`) are relayed and handled when no others wait; of one subject, events keep their order.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
        Index("uq_outbox_position", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
        Index("ix_outbox_unsent_urgent", "id", postgresql_where=text("sent_at IS NULL AND NOT is_bulk")),
        Index("ix_outbox_unsent_bulk", "subject", postgresql_where=text("sent_at IS NULL AND is_bulk")),
        Index("ix_outbox_type_position", "type", "position"),
        Index("ix_outbox_subject_position", "subject", "position"),
        Index("ix_outbox_created_at", "created_at"),
        Index("ix_outbox_secrets", "user_id", postgresql_where=text("sealed IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    type: Mapped[str]
    subject: Mapped[str]
    user_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    sealed: Mapped[str | None]
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    sent_at: Mapped[datetime | None]
    position: Mapped[int | None] = mapped_column(BigInteger)
    is_bulk: Mapped[bool] = mapped_column(server_default=text("false"))

    def decrypt_secret_data(self) -> dict[str, Any]:
        """Decrypt the secret data that was passed to `emit`.

        Returns:
            The data, or an empty object if there was none or if it has been deleted.

        Raises:
            DecryptionError: The data was encrypted with a key that is no longer configured.
        """
        if self.sealed is None:
            return {}
        secret_data: dict[str, Any] = field_encryptor().decrypt(self.sealed, context=self.id.bytes)
        return secret_data


def emit(
    event: Event, *, secret_data: dict[str, Any] | None = None, event_id: UUID | None = None, bulk: bool = False
) -> UUID:
    """Store an event in the caller's transaction. The relay is notified at commit.

    Args:
        event: The event.
        secret_data: JSON that only subscribers may read, such as a text or a token. It is stored encrypted.
        event_id: Makes the call idempotent: an id that is stored already is not stored again.
        bulk: Whether the event is one of very many that no user is waiting for.

    Returns:
        The id of the stored event.
    """
    return emit_many([(event, secret_data, event_id)], bulk=bulk)[0]


def emit_many(
    emissions: Iterable[tuple[Event, dict[str, Any] | None, UUID | None]], *, bulk: bool = False
) -> list[UUID]:
    """Store several events with one statement, in the caller's transaction.

    Args:
        emissions: For each event: the event, its secret data and its id, as in `emit`.
        bulk: As in `emit`.

    Returns:
        The ids, in the order of the events.
    """
    rows = [event_row(event, secret_data, event_id or uuid7()) for event, secret_data, event_id in emissions]
    if rows:
        with transaction():
            db.session.execute(_insert(), [row | {"is_bulk": bulk} for row in rows])
    return [row["id"] for row in rows]


@cache
def _insert(notify: bool = True) -> ReturningInsert[Any]:
    """The INSERT, which is built once.

    With RETURNING, SQLAlchemy inserts many rows in one statement. RETURNING also notifies the relay: PostgreSQL merges
    equal notifications of a transaction.
    """
    table = cast(Table, OutboxEvent.__table__)
    notification = (func.pg_notify(OUTBOX_CHANNEL, ""),) if notify else ()
    return insert(table).on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id, *notification)


def emit_statement(when: FromClause | None = None, *, notify: bool = True) -> ReturningInsert[Any]:
    """Build an INSERT of one event, to be part of a `CompiledStatement` that takes the values of `emit_parameters`.

    Args:
        when: Emit only if this FROM clause has a row, for example a CTE of changed rows.
        notify: False if the caller wakes the relay afterwards, with `relay_wakeup.wake_relay`.
    """
    columns = cast(Table, OutboxEvent.__table__).c
    values: dict[str, Any] = {name: bindparam(f"event_{name}", type_=columns[name].type) for name in _COLUMNS}
    values["created_at"] = func.now()
    statement = _insert(notify)
    if when is None:
        return statement.values(values)
    return statement.from_select(list(values), select(*values.values()).select_from(when), include_defaults=False)


def emit_from(source: FromClause) -> ReturningInsert[Any]:
    """Build an INSERT of one event for each row of a FROM clause that has the columns `EVENT_COLUMNS`."""
    values = {name: source.c[f"event_{name}"] for name in _COLUMNS} | {"created_at": func.now()}
    return _insert().from_select(list(values), select(*values.values()), include_defaults=False)


def emit_record(event: Event) -> dict[str, Any]:
    """The values of `EVENT_COLUMNS`, by name, for an event without secret data; to be passed as JSON."""
    return {f"event_{name}": value for name, value in event_row(event, None, uuid7()).items()}


def emit_parameters(event: Event, event_id: UUID | None = None) -> dict[str, Any]:
    """The values of the parameters of `emit_statement`, for an event without secret data."""
    row = event_row(event, None, event_id or uuid7())
    return {f"event_{name}": value for name, value in row.items()} | {"event_data": orjson.dumps(row["data"]).decode()}


_COLUMNS = ("id", "type", "subject", "user_id", "data", "sealed", "request_id", "traceparent")
EVENT_COLUMNS = tuple(column(f"event_{name}", OutboxEvent.__table__.c[name].type) for name in _COLUMNS)
"""The columns of an event in a FROM clause, with their types."""


def event_row(event: Event, secret_data: dict[str, Any] | None, event_id: UUID) -> dict[str, Any]:
    """Return the columns of an event: what `emit` stores, with the secret data encrypted."""
    return event.columns() | {
        "id": event_id,
        "sealed": field_encryptor().encrypt(secret_data, context=event_id.bytes) if secret_data else None,
        "request_id": request_id(),
        "traceparent": traceparent(),
    }
