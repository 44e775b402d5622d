"""emit(fact): a row in the caller's transaction. A rollback takes the fact with it.

The table is the event log as well: the relay gives each row its `position` in commit order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, FromClause, Index, Sequence, Table, bindparam, func, select, text
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

CHANNEL = "outbox"
POSITIONED = "outbox_placed"
"""Said when facts have got their places in the log."""
POSITIONS = Sequence("outbox_position", metadata=Base.metadata)


class OutboxEvent(Base):
    """One fact. `sealed` holds what a subscriber needs and nobody else may read, encrypted, until it was used."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),
        Index("uq_outbox_position", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
        Index("ix_outbox_type_position", "type", "position"),
        Index("ix_outbox_subject_position", "subject", "position"),
        Index("ix_outbox_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    type: Mapped[str]
    subject: Mapped[str]
    user_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    sealed: Mapped[str | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    sent_at: Mapped[datetime | None]
    position: Mapped[int | None] = mapped_column(BigInteger)

    def decrypted(self) -> dict[str, Any]:
        """What was sealed beside the fact; empty when there was nothing."""
        if self.sealed is None:
            return {}
        found: dict[str, Any] = field_encryptor().decrypt(self.sealed, context=self.id.bytes)
        return found


def emit(fact: Event, *, sealed: dict[str, Any] | None = None, event_id: UUID | None = None) -> UUID:
    """Say a fact within the caller's transaction; returns the event's id. The relay is woken at commit."""
    return emit_many([(fact, sealed, event_id)])[0]


def emit_many(facts: Iterable[tuple[Event, dict[str, Any] | None, UUID | None]]) -> list[UUID]:
    """Many facts in one statement. An event id that exists already is left as it is (said once, ever)."""
    rows = [_row(fact, sealed, event_id or uuid7()) for fact, sealed, event_id in facts]
    if rows:
        with transaction():
            db.session.execute(_insert(), rows)
    return [row["id"] for row in rows]


@cache
def _insert() -> ReturningInsert[Any]:
    """The statement, put together once. RETURNING lets many rows go in one statement, and rings the relay's bell on
    the way: PostgreSQL makes one of equal notifications in a transaction."""
    table = cast(Table, OutboxEvent.__table__)
    told = func.pg_notify(CHANNEL, "")
    return insert(table).on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id, told)


def emit_statement(when: FromClause | None = None) -> ReturningInsert[Any]:
    """One fact as a part of a `Direct` statement, which is to be given `emission_values`; said if `when` has a row."""
    columns = cast(Table, OutboxEvent.__table__).c
    given: dict[str, Any] = {name: bindparam(f"event_{name}", type_=columns[name].type) for name in _COLUMNS}
    given["created_at"] = func.now()
    if when is None:
        return _insert().values(given)
    return _insert().from_select(list(given), select(*given.values()).select_from(when), include_defaults=False)


def emit_parameters(fact: Event, event_id: UUID | None = None) -> dict[str, Any]:
    row = _row(fact, None, event_id or uuid7())
    return {f"event_{name}": value for name, value in row.items()} | {"event_data": orjson.dumps(row["data"]).decode()}


_COLUMNS = ("id", "type", "subject", "user_id", "data", "sealed", "request_id")


def _row(fact: Event, sealed: dict[str, Any] | None, event_id: UUID) -> dict[str, Any]:
    return {
        "id": event_id,
        "type": fact.event_type,
        "subject": fact.subject,
        "user_id": fact.user_id,
        "data": fact.data(),
        "sealed": field_encryptor().encrypt(sealed, context=event_id.bytes) if sealed else None,
        "request_id": request_id(),
    }
