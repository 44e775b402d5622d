"""One message to many people: rows by INSERT ... SELECT, one fact for all, given out by the clock at a steady pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, func, literal, select, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import UUID as SqlUuid
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.events import NotificationBatch
from heidi_common.messaging.outbox import emit
from heidi_common.problems import NotFound
from heidi_services.notification.models import Batch, Notification
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.enqueue import insertion, parameters

_UUID7 = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
52, 1), 53, 1), 'hex')"""
"""A version 7 UUID by SQL alone: PostgreSQL has a function for it only since 18."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant: these people, or all of a kind."""

    user_ids: Sequence[UUID] | None = None
    role: str | None = None
    is_active: bool | None = None

    def condition(self) -> ColumnElement[bool]:
        found: ColumnElement[bool] = User.deleted_at.is_(None)
        if self.user_ids is not None:
            found &= User.id.in_(self.user_ids)
        if self.role is not None:
            found &= User.role == self.role
        if self.is_active is not None:
            found &= User.is_active.is_(self.is_active)
        return found


def queue_bulk(audience: Audience, draft: Draft, sender_id: UUID) -> tuple[Batch, Sequence[UUID]]:
    """Promise the message to everybody in the audience, to each person once; also who was named and does not exist."""
    batch = Batch(id=uuid7(), sender_id=sender_id, accepted=0)
    people = audience.condition()
    with transaction():
        for readers, values in _by_language(people, draft):
            given = parameters(values | {"batch_id": batch.id})
            statement = insertion(readers, id_=sql_cast(text(_UUID7), SqlUuid()), bulk=True)
            batch.accepted += int(db.session.execute(statement, given).rowcount)  # type: ignore[attr-defined]
        db.session.add(batch)
        emit(NotificationBatch(id=batch.id, channel=draft.channel, category=draft.category, accepted=batch.accepted))
        return batch, _skipped(audience.user_ids or (), batch)


def _skipped(user_ids: Sequence[UUID], batch: Batch) -> Sequence[UUID]:
    """By the rows that were made: whoever was deleted a moment ago is told of, too."""
    if batch.accepted == len(user_ids) or not user_ids:
        return []
    reached = set(db.session.scalars(select(Notification.user_id).where(Notification.batch_id == batch.id)))
    return [user_id for user_id in dict.fromkeys(user_ids) if user_id not in reached]


def batch_counts(batch_id: UUID, *, sender: UUID | None) -> tuple[Batch, Mapping[str, int]]:
    """A batch and how many of it stand where; `sender` None sees everybody's."""
    batch = db.session.get(Batch, batch_id)
    if batch is None or (sender is not None and batch.sender_id != sender):
        raise NotFound("There is no such batch.")
    counts = (
        select(Notification.status, func.count()).where(Notification.batch_id == batch_id).group_by(Notification.status)
    )
    return batch, {str(status): number for status, number in db.session.execute(counts)}


def _by_language(people: ColumnElement[bool], draft: Draft) -> list[tuple[ColumnElement[bool], dict[str, Any]]]:
    """The readers of each language version of the text; without a template there is one."""
    if draft.template is None or draft.locale is not None:
        return [(people, draft.written())]
    locale = func.coalesce(User.locale, literal("", Text()))
    versions: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for wanted in db.session.scalars(select(locale).where(people).distinct()):
        values = draft.written(wanted or None)
        versions.setdefault(values["locale"], ([], values))[0].append(wanted)
    return [(people & locale.in_(wanted), values) for wanted, values in versions.values()]
