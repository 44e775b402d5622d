"""Handlers of other services' events. Each runs once per event (see `heidi_common.messaging.inbox`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update

from heidi_common.audit.trail import record
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import mailer
from heidi_common.identity.models import User
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Invalid
from heidi_services.notification.enums import Channel, NotificationStatus, NotificationType
from heidi_services.notification.models import Attempt, Notification, NotificationPreferences, PushDevice
from heidi_services.notification.service import devices
from heidi_services.notification.service.drafts import Draft
from heidi_services.notification.service.enqueue import insert_notification

_UNSYNCED: Any = {"synchronize_session": False}


def handle_notification_send(event: OutboxEvent) -> None:
    """Handle `notification.send`: insert the requested notification, under the ID of the request.

    Texts and variables come encrypted with the event. Variables may be secrets (a reset link), so they stay encrypted
    in the row until the message is sent. An in-app message is rendered now, because the user can read it anyway.

    Raises:
        PermanentFailure: The notification can never be sent.
    """
    secrets, data = event.decrypt_secret_data(), event.data
    draft = Draft(
        channel=Channel(data["channel"]),
        type=NotificationType(data.get("notificationType", NotificationType.INFO)),
        category=data.get("category"),
        subject=secrets.get("subject"),
        content=secrets.get("content"),
        template=data.get("template"),
        variables=secrets.get("variables") or {},
        locale=data.get("locale"),
    )
    try:
        _insert_requested(UUID(event.subject), UUID(data["userId"]), draft, secrets)
    except Invalid as error:
        raise PermanentFailure(str(error)) from None


def handle_user_created(event: OutboxEvent) -> None:
    """Handle `user.created`: send the welcome e-mail, under an ID that is derived from the event."""
    user = db.session.get(User, UUID(event.subject))
    if user is None or "imported" in (event.data.get("changed") or ()):
        return  # deleted meanwhile, or imported: an existing user of another platform
    draft = Draft(channel=Channel.EMAIL, template="welcome", variables={"firstName": mailer.greeting_name(user)})
    insert_notification(user.id, draft.rendered_columns(user.locale), notification_id=event.id)


def handle_user_deleted(event: OutboxEvent) -> None:
    """Handle `user.deleted`: cancel pending notifications and delete devices; if the user was erased, erase texts."""
    user_id = UUID(event.subject)
    user = db.session.get(User, user_id)
    if user is not None and user.deleted_at is None:
        return  # restored meanwhile
    erased = user is None or user.erased_at is not None
    with transaction():
        _lock_or_delete_preferences(user_id, delete_them=erased)
        _cancel_pending(user_id)
        db.session.execute(delete(PushDevice).where(PushDevice.user_id == user_id))
        if erased:
            _erase_texts(user_id)


def handle_user_reclaimed(event: OutboxEvent) -> None:
    """Handle `user.reclaimed`: remove the devices of whoever has registered the account, and report it."""
    user_id = UUID(event.subject)
    with transaction():
        removed = devices.remove_attached(user_id, datetime.fromisoformat(event.data["attachedUntil"]))
        user = db.session.get(User, user_id)
        if removed and user is not None:
            record("user_attachments_removed", actor=user_id, target=user_id, detail={"devices": removed})
            mailer.send("attachments-removed", user, notification_type="WARNING", devices=removed)


def _lock_or_delete_preferences(user_id: UUID, *, delete_them: bool) -> None:
    """Lock preferences before notifications, as changes of preferences do: the opposite order could deadlock."""
    own_row = NotificationPreferences.user_id == user_id
    lock = select(NotificationPreferences.user_id).where(own_row).with_for_update()
    db.session.execute(delete(NotificationPreferences).where(own_row) if delete_them else lock)


def _cancel_pending(user_id: UUID) -> None:
    pending = (Notification.user_id == user_id) & (Notification.status == NotificationStatus.PENDING)
    _update(pending, status=NotificationStatus.CANCELLED, failure_reason="user_deleted", sealed=None)


def _erase_texts(user_id: UUID) -> None:
    """Keep IDs, times and outcomes only. The error of an attempt is the provider's text and may contain an address."""
    own_notifications = Notification.user_id == user_id
    _update(own_notifications, subject=None, content=None, html=None, extra=None, sealed=None)
    own_attempts = Attempt.notification_id.in_(select(Notification.id).where(own_notifications))
    db.session.execute(update(Attempt).where(own_attempts).values(error=None).execution_options(**_UNSYNCED))


def _update(condition: ColumnElement[bool], **values: Any) -> None:
    changes = values | {"updated_at": func.now(), "version": Notification.version + 1}
    db.session.execute(update(Notification).where(condition).values(**changes).execution_options(**_UNSYNCED))


def _insert_requested(notification_id: UUID, user_id: UUID, draft: Draft, secrets: dict[str, Any]) -> None:
    user = db.session.execute(select(User.locale).where(User.id == user_id, User.deleted_at.is_(None))).first()
    if user is None:
        raise PermanentFailure("user not found")
    if draft.channel is Channel.IN_APP:
        columns = draft.rendered_columns(user.locale)
    else:
        columns = _columns_with_secrets(notification_id, draft, user.locale, secrets)
    insert_notification(user_id, columns, notification_id=notification_id)


def _columns_with_secrets(
    notification_id: UUID, draft: Draft, locale: str | None, secrets: dict[str, Any]
) -> dict[str, Any]:
    if draft.template is not None:
        columns = draft.unrendered_columns(draft.template_source(locale))
    else:
        columns = draft.rendered_columns(locale)
    stored_secrets = {key: secrets[key] for key in ("variables", "recipient") if secrets.get(key)}
    if stored_secrets:
        columns["sealed"] = field_encryptor().encrypt(stored_secrets, context=notification_id.bytes)
    return columns
