"""Erase what notification stores about a user who was deleted or erased (`users/service/erasure.py`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Attempt, Notification, NotificationPreferences, PushDevice
from heidi_services.notification.service.recipients.suppressions import hash_addresses

_UNSYNCED: Any = {"synchronize_session": False}


def erase_user_data(event: OutboxEvent) -> None:
    """Handle `user.deleted`: cancel pending notifications and delete devices; erase an erased user's texts."""
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
            hash_addresses(address for address in event.decrypt_secret_data().values() if address)


def _lock_or_delete_preferences(user_id: UUID, *, delete_them: bool) -> None:
    """Lock preferences before notifications, as changes of preferences do: the opposite order could deadlock."""
    own_row = NotificationPreferences.user_id == user_id
    lock = select(NotificationPreferences.user_id).where(own_row).with_for_update()
    db.session.execute(delete(NotificationPreferences).where(own_row) if delete_them else lock)


def _cancel_pending(user_id: UUID) -> None:
    pending = (Notification.user_id == user_id) & (Notification.status == NotificationStatus.PENDING)
    _update(pending, status=NotificationStatus.CANCELLED, failure_reason="user_deleted", sealed=None)


def _erase_texts(user_id: UUID) -> None:
    """Keep IDs, times and outcomes only. The texts of an attempt are the provider's and may contain an address."""
    own_notifications = Notification.user_id == user_id
    _update(
        own_notifications,
        subject=None,
        content=None,
        html=None,
        extra=None,
        attachments=None,
        options=None,
        sealed=None,
    )
    own_attempts = Attempt.notification_id.in_(select(Notification.id).where(own_notifications))
    db.session.execute(
        update(Attempt).where(own_attempts).values(error=None, response=None).execution_options(**_UNSYNCED)
    )


def _update(condition: ColumnElement[bool], **values: Any) -> None:
    changes = values | {"updated_at": func.now(), "version": Notification.version + 1}
    db.session.execute(update(Notification).where(condition).values(**changes).execution_options(**_UNSYNCED))
