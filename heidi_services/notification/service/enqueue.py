"""Taking a message in: the row that is the work and the fact that is its first hint, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Table, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import Insert, insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.events import NotificationQueued
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import emit_parameters, emit_statement
from heidi_common.problems import Invalid
from heidi_services.notification.models import BULK, NORMAL, UNHINTED, Notification
from heidi_services.notification.service.drafts import Draft

TABLE = cast(Table, Notification.__table__)
GIVEN = (
    *("channel", "type", "category", "subject", "content", "html", "metadata", "template", "template_version"),
    *("locale", "scheduled_for", "expires_at", "sender_id", "batch_id", "sealed"),
)
"""The columns that a sender decides."""
MADE = ("created_at", "updated_at", "status", "attempts", "next_attempt_at", "version")
"""Those that an answer shows and the database fills in."""


def queue(user_id: UUID, draft: Draft) -> Notification:
    """Promise to deliver a message to a person; 422 when there is no such person."""
    # A template is read first, on the same connection; words alone need one statement.
    with transaction() if draft.template else nullcontext():
        values = draft.written(_locale(user_id) if draft.template else None)
        found = insert_one(user_id, values)
    if found is None:
        raise Invalid.field("userId", "There is no such user")
    return found


def insert_one(
    user_id: UUID, values: Mapping[str, Any], *, notification_id: UUID | None = None, event_id: UUID | None = None
) -> Notification | None:
    """The row and its fact; None when the person does not exist, or the row already does."""
    found = notification_id or uuid7()
    fact = NotificationQueued(id=found, about_user=user_id, channel=values["channel"], category=values["category"])
    given = parameters(values) | {"new_metadata": _as_text(values.get("metadata"))}
    row = _insertion_of_one().first(**given, new_id=found, reader=user_id, **emit_parameters(fact, event_id))
    if row is None:
        return None
    columns = {key: value for key, value in values.items() if key != "metadata"}
    return Notification(**columns, id=found, user_id=user_id, extra=values.get("metadata"), **row._asdict())


@cache
def _insertion_of_one() -> CompiledStatement:
    """Both in one statement; no row, no fact."""
    person = (User.id == bindparam("reader", type_=User.id.type)) & User.deleted_at.is_(None)
    row = insertion(person, id_=bindparam("new_id", type_=TABLE.c.id.type))
    made = row.returning(*(TABLE.c[name] for name in MADE)).cte("made")
    return CompiledStatement(select(*made.c).add_cte(emit_statement(when=made).cte("fact")), changes=True)


def _as_text(metadata: dict[str, Any] | None) -> str | None:
    return None if metadata is None else orjson.dumps(metadata).decode()


def insertion(people: ColumnElement[bool], *, id_: ColumnElement[UUID], bulk: bool = False) -> Insert:
    """One row for each of the people, by INSERT ... SELECT with `parameters`; rows that exist are left alone.

    The database's clock says when a row is due, because the same clock is asked whether it is. A row for later has no
    message under way: the clock process gives it out when it is due, as it gives out bulk at its own pace.
    """
    given = {name: bindparam(f"new_{name}", type_=TABLE.c[name].type) for name in GIVEN}
    hinted_until = literal(UNHINTED) if bulk else func.coalesce(given["scheduled_for"], func.now() + HINT_LEASE)
    columns: dict[str, ColumnElement[Any]] = given | {
        "id": id_,
        "user_id": User.id.expression,
        "priority": literal(BULK if bulk else NORMAL),
        "next_attempt_at": func.coalesce(given["scheduled_for"], func.now()),
        "hinted_until": hinted_until,
        "created_at": func.now(),
        "updated_at": func.now(),
    }
    source = select(*(column.label(name) for name, column in columns.items())).where(people)
    filled = insert(TABLE).from_select(list(columns), source, include_defaults=False)
    return filled.on_conflict_do_nothing(index_elements=["id"])


def parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `insertion` wants to be given."""
    return {f"new_{name}": values.get(name) for name in GIVEN}


def _locale(user_id: UUID) -> str | None:
    return db.session.scalar(select(User.locale).where(User.id == user_id))
