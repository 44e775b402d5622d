"""Enqueue notifications: the row, which is also the delivery job, and its event, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, Table, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import Insert, insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.events import NotificationQueued
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import emit_parameters, emit_statement
from heidi_common.messaging.relay_wakeup import wake_relay
from heidi_common.problems import Invalid
from heidi_services.notification.models import BULK_PRIORITY, NORMAL_PRIORITY, UNHINTED, Notification
from heidi_services.notification.service.attachments.contents import store_contents
from heidi_services.notification.service.attachments.selection import SelectedFiles
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.senders.options import require_usable_sender

TABLE = cast(Table, Notification.__table__)
SENDER_COLUMNS = (
    *("channel", "type", "category", "subject", "content", "html", "metadata", "template", "template_version"),
    *("locale", "scheduled_for", "expires_at", "sender_id", "batch_id", "sealed", "attachments", "options"),
)
"""The columns whose values the sender determines."""
_JSON_COLUMNS = ("metadata", "attachments", "options")
GENERATED_COLUMNS = ("created_at", "updated_at", "status", "attempts", "next_attempt_at", "version")
"""The columns that the database fills in and that the response contains."""


def enqueue_notification(user_id: UUID, draft: Draft) -> Notification:
    """Enqueue one message to one user.

    Raises:
        Invalid: The user does not exist, the template cannot be rendered, or a file cannot be attached.
        Problem: As `select_files`.
    """
    require_usable_sender(draft.options)
    files = _selected_files(user_id, draft)
    # Reading a template needs the connection of the transaction; without a template, one statement is enough.
    with transaction() if draft.template or files.contents else nullcontext():
        store_contents(files.contents)
        columns = draft.rendered_columns(_locale(user_id) if draft.template else None)
        notification = insert_notification(user_id, columns | files.columns)
    if notification is None:
        raise Invalid.field("userId", "User not found.")
    return notification


def _selected_files(user_id: UUID, draft: Draft) -> SelectedFiles:
    """Read the attachments, after everything that could make the message invalid: links to large files are created."""
    if draft.attachments:
        locale = db.session.execute(_is_recipient(user_id)).first()
        if locale is None:
            raise Invalid.field("userId", "User not found.")
        draft.rendered_columns(locale[0])
        db.session.rollback()  # no connection is held while the file service is called
    return draft.selected_files()


def _is_recipient(user_id: UUID) -> Select[Any]:
    return select(User.locale).where(User.id == user_id, User.deleted_at.is_(None))


def insert_notification(
    user_id: UUID, columns: Mapping[str, Any], *, notification_id: UUID | None = None, event_id: UUID | None = None
) -> Notification | None:
    """Insert a notification and its `notification.queued` event in one statement.

    Args:
        columns: The values of SENDER_COLUMNS; missing ones are NULL.
        notification_id: The ID of the row, which makes a repeated call have no effect.

    Returns:
        None if nothing was inserted: the user does not exist, or a row with this ID does.
    """
    new_id = notification_id or uuid7()
    event = NotificationQueued(id=new_id, about_user=user_id, channel=columns["channel"], category=columns["category"])
    encoded = {f"new_{name}": _to_json(columns.get(name)) for name in _JSON_COLUMNS}
    values = insert_parameters(columns) | encoded
    row = _insert_one_statement().first(**values, new_id=new_id, recipient=user_id, **emit_parameters(event, event_id))
    if row is None:
        return None
    wake_relay()
    attributes = {key: value for key, value in columns.items() if key != "metadata"}
    return Notification(**attributes, id=new_id, user_id=user_id, extra=columns.get("metadata"), **row._asdict())


def insert_bulk(user_id: UUID, columns: Mapping[str, Any], *, notification_id: UUID) -> None:
    """Insert one of many notifications, which the clock releases at a limited rate.

    Args:
        columns: As in `insert_notification`.
        notification_id: The ID of the row, which makes a repeated call have no effect.
    """
    recipient = (User.id == user_id) & User.deleted_at.is_(None)
    statement = insert_statement(recipient, id_=literal(notification_id), bulk=True)
    with transaction():
        db.session.execute(statement, insert_parameters(columns))


@cache
def _insert_one_statement() -> CompiledStatement:
    """Inserts the row and the event; if it inserts no row, it emits no event."""
    recipient = (User.id == bindparam("recipient", type_=User.id.type)) & User.deleted_at.is_(None)
    row = insert_statement(recipient, id_=bindparam("new_id", type_=TABLE.c.id.type))
    inserted = row.returning(*(TABLE.c[name] for name in GENERATED_COLUMNS)).cte("inserted")
    event = emit_statement(when=inserted, notify=False).cte("event")
    return CompiledStatement(select(*inserted.c).add_cte(event), changes=True, prepared=True)


def _to_json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def insert_statement(recipients: ColumnElement[bool], *, id_: ColumnElement[UUID], bulk: bool = False) -> Insert:
    """Build INSERT ... SELECT with one row per recipient. Rows whose ID exists are skipped.

    The due time is set by the database's clock, because that clock also decides whether a row is due. A row that is
    scheduled for later has no wake-up message in flight: the clock process sends one when the row is due, as it does
    for bulk rows at a limited rate.

    Args:
        recipients: The condition on users that selects the recipients.
        id_: The expression of the new row's ID.
        bulk: Whether the rows wait until the clock releases them.

    Returns:
        A statement whose parameters are those of `insert_parameters`.
    """
    values = {name: bindparam(f"new_{name}", type_=TABLE.c[name].type) for name in SENDER_COLUMNS}
    hinted_until = literal(UNHINTED) if bulk else func.coalesce(values["scheduled_for"], func.now() + HINT_LEASE)
    columns: dict[str, ColumnElement[Any]] = values | {
        "id": id_,
        "user_id": User.id.expression,
        "priority": literal(BULK_PRIORITY if bulk else NORMAL_PRIORITY),
        "next_attempt_at": func.coalesce(values["scheduled_for"], func.now()),
        "hinted_until": hinted_until,
        "created_at": func.now(),
        "updated_at": func.now(),
    }
    source = select(*(column.label(name) for name, column in columns.items())).where(recipients)
    statement = insert(TABLE).from_select(list(columns), source, include_defaults=False)
    return statement.on_conflict_do_nothing(index_elements=["id"])


def insert_parameters(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of SENDER_COLUMNS as parameters of `insert_statement`."""
    return {f"new_{name}": columns.get(name) for name in SENDER_COLUMNS}


def _locale(user_id: UUID) -> str | None:
    return db.session.scalar(select(User.locale).where(User.id == user_id))
