"""One message to many users: rows by INSERT ... SELECT and one event for all. The clock releases them gradually."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
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
from heidi_services.notification.channels.sms_segments import segmentation
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Batch, Notification
from heidi_services.notification.service.attachments.contents import store_contents
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.enqueue import insert_parameters, insert_statement
from heidi_services.notification.service.senders.options import require_usable_sender

_UUID7 = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
52, 1), 53, 1), 'hex')"""
"""A version 7 UUID in SQL. PostgreSQL has had a function for it only since version 18."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The recipients: existing users that match all conditions that are not None."""

    user_ids: Sequence[UUID] | None = None
    role: str | None = None
    is_active: bool | None = None

    def condition(self) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = User.deleted_at.is_(None)
        if self.user_ids is not None:
            condition &= User.id.in_(self.user_ids)
        if self.role is not None:
            condition &= User.role == self.role
        if self.is_active is not None:
            condition &= User.is_active.is_(self.is_active)
        return condition


class AcceptedBatch(NamedTuple):
    """An enqueued batch.

    Attributes:
        skipped: Those of the requested users that do not exist.
        segments: The segments of each SMS, those of the longest text if it depends on the locale; None: no SMS.
    """

    batch: Batch
    skipped: Sequence[UUID]
    segments: int | None


def enqueue_bulk(audience: Audience, draft: Draft, sender_id: UUID) -> AcceptedBatch:
    """Enqueue a message to every user in the audience, once per user.

    Raises:
        Invalid: The template cannot be rendered, or a file cannot be attached.
        Problem: As `select_files`.
    """
    batch = Batch(id=uuid7(), sender_id=sender_id, accepted=0)
    users = audience.condition()
    texts = []
    require_usable_sender(draft.options)
    files = draft.selected_files()
    with transaction():
        store_contents(files.contents)
        for recipients, columns in _by_locale(users, draft):
            texts.append(columns["content"])
            values = insert_parameters(columns | files.columns | {"batch_id": batch.id})
            statement = insert_statement(recipients, id_=sql_cast(text(_UUID7), SqlUuid()), bulk=True)
            batch.accepted += int(db.session.execute(statement, values).rowcount)  # type: ignore[attr-defined]
        db.session.add(batch)
        emit(NotificationBatch(id=batch.id, channel=draft.channel, category=draft.category, accepted=batch.accepted))
        segments = [segmentation(text).segments for text in texts] if draft.channel == Channel.SMS else []
        return AcceptedBatch(batch, _skipped(audience.user_ids or (), batch), max(segments, default=None))


def batch_counts(batch_id: UUID, *, sender: UUID | None) -> tuple[Batch, Mapping[str, int]]:
    """Count a batch's notifications by status.

    Args:
        sender: Only batches of this sender exist; None: those of all senders.

    Raises:
        NotFound: The batch does not exist.
    """
    batch = db.session.get(Batch, batch_id)
    if batch is None or (sender is not None and batch.sender_id != sender):
        raise NotFound("Batch not found.")
    counts = (
        select(Notification.status, func.count()).where(Notification.batch_id == batch_id).group_by(Notification.status)
    )
    return batch, {str(status): number for status, number in db.session.execute(counts)}


def _skipped(user_ids: Sequence[UUID], batch: Batch) -> Sequence[UUID]:
    """Compare with the inserted rows, so that a user who was deleted a moment ago is reported as skipped."""
    if batch.accepted == len(user_ids) or not user_ids:
        return []
    reached = set(db.session.scalars(select(Notification.user_id).where(Notification.batch_id == batch.id)))
    return [user_id for user_id in dict.fromkeys(user_ids) if user_id not in reached]


def _by_locale(users: ColumnElement[bool], draft: Draft) -> list[tuple[ColumnElement[bool], dict[str, Any]]]:
    """Return the recipients and columns for each text; without a template there is one pair.

    Recipients with the same text share a pair, although their locales differ.
    """
    if draft.template is None or draft.locale is not None:
        return [(users, draft.rendered_columns())]
    locale = func.coalesce(User.locale, literal("", Text()))
    versions: dict[tuple[str | None, ...], tuple[list[str], dict[str, Any]]] = {}
    for user_locale in db.session.scalars(select(locale).where(users).distinct()):
        columns = draft.rendered_columns(user_locale or None)
        text = tuple(columns[name] for name in ("locale", "subject", "content", "html"))
        versions.setdefault(text, ([], columns))[0].append(user_locale)
    return [(users & locale.in_(user_locales), columns) for user_locales, columns in versions.values()]
