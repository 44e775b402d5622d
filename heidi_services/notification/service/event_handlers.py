"""Other services' facts that become messages, and what a person's end means here. Each runs once for each fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Invalid
from heidi_services.notification.enums import Channel, Status, Type
from heidi_services.notification.models import Attempt, Device, Notification, Preferences
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.enqueue import insert_one

_UNSYNCED: Any = {"synchronize_session": False}


def make_requested(event: OutboxEvent) -> None:
    """`notification.send`: the row, under the request's own id, so that asking twice is asking once. Raises Refused
    for what can never be sent.

    Texts come sealed beside the fact. Variables of a template may be secrets (a reset link): they stay sealed in the
    row until the message is sent, except for the inbox, which shows the words anyway.
    """
    sealed, data = event.decrypt_secret_data(), event.data
    user_id, channel = UUID(data["userId"]), Channel(data["channel"])
    draft = Draft(
        channel=channel,
        type=Type(data.get("notificationType", Type.INFO)),
        category=data.get("category"),
        subject=sealed.get("subject"),
        content=sealed.get("content"),
        template=data.get("template"),
        variables=sealed.get("variables") or {},
        locale=data.get("locale"),
    )
    try:
        _insert(UUID(event.subject), user_id, draft, sealed)
    except Invalid as error:
        raise PermanentFailure(str(error)) from None


def welcome(event: OutboxEvent) -> None:
    """A new person is greeted, in their language, by an id that follows from the fact."""
    user = db.session.get(User, UUID(event.subject))
    if user is None or "imported" in (event.data.get("changed") or ()):
        return  # gone, or long known to somebody else's platform
    draft = Draft(channel=Channel.EMAIL, template="welcome", variables={"firstName": user.first_name or ""})
    insert_one(user.id, draft.written(user.locale), notification_id=event.id)


def forget(event: OutboxEvent) -> None:
    """The person is gone: nothing more is sent, and where push went is forgotten; an erased one's texts go, too."""
    user_id = UUID(event.subject)
    user = db.session.get(User, user_id)
    if user is not None and user.deleted_at is None:
        return  # restored meanwhile
    erased = user is None or user.erased_at is not None
    with transaction():
        _take_preferences(user_id, erased)
        _cancel_open(user_id)
        db.session.execute(delete(Device).where(Device.user_id == user_id))
        if erased:
            _erase(user_id)


def _take_preferences(user_id: UUID, erased: bool) -> None:
    """Before the messages, as who changes preferences does: the other way round, each would wait for the other."""
    mine = Preferences.user_id == user_id
    theirs = select(Preferences.user_id).where(mine).with_for_update()
    db.session.execute(delete(Preferences).where(mine) if erased else theirs)


def _cancel_open(user_id: UUID) -> None:
    waiting = (Notification.user_id == user_id) & (Notification.status == Status.PENDING)
    _change(waiting, status=Status.CANCELLED, failure_reason="user_deleted", sealed=None)


def _erase(user_id: UUID) -> None:
    """Leave ids, times and outcomes, and nothing that was said; a provider's words may hold an address."""
    mine = Notification.user_id == user_id
    _change(mine, subject=None, content=None, html=None, extra=None, sealed=None)
    their_attempts = Attempt.notification_id.in_(select(Notification.id).where(mine))
    db.session.execute(update(Attempt).where(their_attempts).values(error=None).execution_options(**_UNSYNCED))


def _change(which: ColumnElement[bool], **values: Any) -> None:
    touched = {"updated_at": func.now(), "version": Notification.version + 1}
    db.session.execute(update(Notification).where(which).values(**values, **touched).execution_options(**_UNSYNCED))


def _insert(notification_id: UUID, user_id: UUID, draft: Draft, sealed: dict[str, Any]) -> None:
    secret = {key: sealed[key] for key in ("variables", "recipient") if sealed.get(key)}
    reader = db.session.execute(select(User.locale).where(User.id == user_id, User.deleted_at.is_(None))).first()
    if reader is None:
        raise PermanentFailure("there is no such user")
    locale = reader.locale
    if draft.template is not None and draft.channel is not Channel.IN_APP:
        values = draft.unwritten(draft.source(locale))
    else:
        values = draft.written(locale)
    if secret and draft.channel is not Channel.IN_APP:
        values["sealed"] = field_encryptor().encrypt(secret, context=notification_id.bytes)
    insert_one(user_id, values, notification_id=notification_id)
