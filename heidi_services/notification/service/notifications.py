"""A user's notifications: list, read, hide and cancel them, and list their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, case, func, select, update

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import reading, transaction
from heidi_common.messaging.jobs import lease_released
from heidi_common.problems import Conflict, NotFound
from heidi_services.notification.enums import Channel, NotificationStatus
from heidi_services.notification.models import Attempt, Notification

ARRIVED = (NotificationStatus.SENT, NotificationStatus.DELIVERED, NotificationStatus.READ)

UNREAD = (
    (Notification.channel == Channel.IN_APP)
    & Notification.status.in_((NotificationStatus.SENT, NotificationStatus.DELIVERED))
    & Notification.hidden_at.is_(None)
)
"""In-app messages that have arrived and are neither read nor hidden. It is the condition of a partial index."""

VISIBLE = (Notification.channel != Channel.IN_APP) | Notification.sent_at.is_not(None)
"""What the recipient may see: an in-app message is delivered by being visible, so it is hidden until its delivery."""

CANCELLABLE = (Notification.status == NotificationStatus.PENDING) & lease_released(Notification)
"""Notifications that are pending and that no worker is delivering."""


def get(notification_id: UUID, *, owner: UUID | None) -> Notification:
    """Return a notification.

    Args:
        owner: Only notifications that this user has received and not hidden exist; None: all of them.

    Raises:
        NotFound: The notification does not exist.
    """
    notification = db.session.get(Notification, notification_id)
    if notification is None:
        raise _not_found()
    if owner is not None and (notification.user_id != owner or notification.hidden_at is not None):
        raise _not_found()
    return notification


def get_visible(notification_id: UUID, *, owner: UUID | None) -> Notification:
    """Return a notification as `get` does, but for an owner only if it is visible to them."""
    notification = get(notification_id, owner=owner)
    if owner is not None and notification.channel == Channel.IN_APP and notification.sent_at is None:
        raise _not_found()
    return notification


def list_notifications(
    user_id: UUID, filters: Mapping[str, Any], *, unread: bool, include_hidden: bool, **paging: Any
) -> Page:
    """List a user's notifications, newest first.

    Args:
        filters: Values of columns, by the columns' names.
        unread: Whether to list only unread in-app messages.
        include_hidden: Whether to include what the user has hidden or cannot see yet.
    """
    statement: Select[Any] = select(Notification).where(Notification.user_id == user_id)
    for name, value in filters.items():
        statement = statement.where(getattr(Notification, name) == value)
    if unread:
        statement = statement.where(UNREAD)
    if not include_hidden:
        statement = statement.where(Notification.hidden_at.is_(None), VISIBLE)
    return page(statement, order=Notification.created_at, descending=True, tiebreak=Notification.id, **paging)


def list_attempts(notification_id: UUID, *, owner: UUID | None, **paging: Any) -> Page:
    """List a notification's attempts, oldest first; raises NotFound as `get_visible` does."""
    get_visible(notification_id, owner=owner)
    statement = select(Attempt).where(Attempt.notification_id == notification_id)
    return page(statement, order=Attempt.id, descending=False, tiebreak=Attempt.id, **paging)


def unread_count(user_id: UUID) -> int:
    with reading() as connection:
        return connection.scalar(select(func.count()).where(Notification.user_id == user_id, UNREAD)) or 0


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
            raise Conflict("Only a pending notification can be cancelled.", code="not_pending")


def _mark(notification_id: UUID, owner: UUID, values: Mapping[str, Any]) -> None:
    is_own = (Notification.id == notification_id) & (Notification.user_id == owner) & Notification.hidden_at.is_(None)
    statement = update(Notification).where(is_own, Notification.status.in_(ARRIVED))
    with transaction():
        if _execute(statement.values(**values, **_row_changes())):
            return
        get(notification_id, owner=owner)
        raise Conflict("The notification has not arrived yet.", code="not_arrived")


def _not_found() -> NotFound:
    return NotFound("Notification not found.")


def _row_changes() -> dict[str, Any]:
    """What every change sets, so that the ETag changes."""
    return {"updated_at": func.now(), "version": Notification.version + 1}


def _execute(statement: Any) -> int:
    result = cast(CursorResult[Any], db.session.execute(statement.execution_options(synchronize_session=False)))
    return result.rowcount
