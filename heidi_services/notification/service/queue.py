"""Taking a message in: the row that is the work and the fact that is its first hint, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, literal, select
from sqlalchemy.dialects.postgresql import Insert, insert
from uuid_utils.compat import uuid7

from heidi_common.db import db, transaction
from heidi_common.events import NotificationQueued
from heidi_common.identity import User
from heidi_common.outbox import emit
from heidi_common.problems import Invalid
from heidi_common.work import HINT_LEASE
from heidi_services.notification.models import UNHINTED, Notification
from heidi_services.notification.service.drafts import Draft

TABLE = cast(Table, Notification.__table__)


def queue(user_id: UUID, draft: Draft) -> Notification:
    """Promise to deliver a message to a person; 422 when there is no such person."""
    with transaction():
        values = draft.written(_locale(user_id) if draft.template else None)
        found = insert_one(user_id, values)
        if found is None:
            raise Invalid.field("userId", "There is no such user")
        return found


def insert_one(
    user_id: UUID, values: Mapping[str, Any], *, notification_id: UUID | None = None, event_id: UUID | None = None
) -> Notification | None:
    """The row and its fact; None when the person does not exist, or the row already does."""
    notification_id = notification_id or uuid7()
    person = (User.id == user_id) & User.deleted_at.is_(None)
    statement = insertion(person, values, id_=literal(notification_id, TABLE.c.id.type))
    made = (TABLE.c.created_at, TABLE.c.updated_at, TABLE.c.status, TABLE.c.attempts, TABLE.c.version)
    row = db.session.execute(statement.returning(*made)).first()
    if row is None:
        return None
    emit(
        NotificationQueued(
            id=notification_id, about_user=user_id, channel=values["channel"], category=values["category"]
        ),
        event_id=event_id,
    )
    columns = {key: value for key, value in values.items() if key != "metadata"}
    return Notification(**columns, id=notification_id, user_id=user_id, extra=values.get("metadata"), **row._mapping)


def insertion(
    people: ColumnElement[bool], values: Mapping[str, Any], *, id_: ColumnElement[UUID], bulk: bool = False
) -> Insert:
    """One row for each of the people, by INSERT ... SELECT; rows that exist are left alone.

    The database's clock says when a row is due, because the same clock is asked whether it is.
    """
    due = (
        func.now()
        if values.get("scheduled_for") is None
        else literal(values["scheduled_for"], TABLE.c.next_attempt_at.type)
    )
    columns: dict[str, Any] = {name: literal(value, TABLE.c[name].type) for name, value in values.items()} | {
        "id": id_,
        "user_id": User.id,
        "next_attempt_at": due,
        "created_at": func.now(),
        "updated_at": func.now(),
    }
    columns["hinted_until"] = literal(UNHINTED, TABLE.c.hinted_until.type) if bulk else _hinted_until(values, due)
    source = select(*(column.label(name) for name, column in columns.items())).where(people)
    filled = insert(TABLE).from_select(list(columns), source, include_defaults=False)
    return filled.on_conflict_do_nothing(index_elements=["id"])


def _hinted_until(values: Mapping[str, Any], due: Any) -> Any:
    """A row for later has no message under way: the clock gives it out when it is due."""
    return due + HINT_LEASE if values.get("scheduled_for") is None else due + timedelta(0)


def _locale(user_id: UUID) -> str | None:
    return db.session.scalar(select(User.locale).where(User.id == user_id))
