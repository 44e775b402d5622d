"""Change a user's notifications: mark them as read or unread, hide and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, case, func, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import lease_released
from heidi_common.problems import Conflict
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Notification
from heidi_services.notification.service.queries import UNREAD, get

ARRIVED = (NotificationStatus.SENT, NotificationStatus.DELIVERED, NotificationStatus.READ)

CANCELLABLE = (Notification.status == NotificationStatus.PENDING) & lease_released(Notification)
"""Notifications that are pending and that no worker is delivering."""


def mark_read(notification_id: UUID, owner: UUID) -> None:
    """Mark a notification as read. A repetition keeps the first time.

    Raises:
        NotFound: The owner has no such notification.
        Conflict: The notification has not arrived.
    """
    already_read = Notification.status == NotificationStatus.READ
    read_at = case((already_read, Notification.read_at), else_=func.now())
    _mark(notification_id, owner, {"status": NotificationStatus.READ, "read_at": read_at})


def mark_unread(notification_id: UUID, owner: UUID) -> None:
    """Restore the status before the notification was read, DELIVERED or SENT; raises what `mark_read` raises."""
    was_delivered = Notification.delivered_at.is_not(None)
    status = case((was_delivered, NotificationStatus.DELIVERED.value), else_=NotificationStatus.SENT.value)
    _mark(notification_id, owner, {"status": status, "read_at": None})


def mark_all_read(user_id: UUID) -> None:
    statement = update(Notification).where(Notification.user_id == user_id, UNREAD)
    with transaction():
        _execute(statement.values(status=NotificationStatus.READ, read_at=func.now(), **_row_changes()))


def hide(notification: Notification) -> None:
    """Hide an in-app message from its owner; cancel it if it has not been delivered."""
    status = case((CANCELLABLE, NotificationStatus.CANCELLED.value), else_=Notification.status)
    statement = update(Notification).where(Notification.id == notification.id)
    with transaction():
        _execute(statement.values(hidden_at=func.now(), status=status, **_row_changes()))


def cancel(notification: Notification) -> None:
    """Cancel a pending notification; raises Conflict if it is not pending or is being delivered."""
    statement = update(Notification).where(Notification.id == notification.id, CANCELLABLE)
    with transaction():
        if not _execute(statement.values(status=NotificationStatus.CANCELLED, sealed=None, **_row_changes())):
            raise Conflict("Only a pending notification that is not being sent can be cancelled.", code="not_pending")


def _mark(notification_id: UUID, owner: UUID, values: Mapping[str, Any]) -> None:
    is_own = (Notification.id == notification_id) & (Notification.user_id == owner) & Notification.hidden_at.is_(None)
    statement = update(Notification).where(is_own, Notification.status.in_(ARRIVED))
    with transaction():
        if _execute(statement.values(**values, **_row_changes())):
            return
        get(notification_id, owner=owner)
        raise Conflict("Only a notification that has been sent can be marked as read or unread.", code="not_arrived")


def _row_changes() -> dict[str, Any]:
    """What every change sets, so that the ETag changes."""
    return {"updated_at": func.now(), "version": Notification.version + 1}


def _execute(statement: Any) -> int:
    result = cast(CursorResult[Any], db.session.execute(statement.execution_options(synchronize_session=False)))
    return result.rowcount
