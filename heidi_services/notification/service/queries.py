"""Read a user's notifications: one, a page, the attempts of one, and the number of unread ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select, text

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.totals import Total, capped_count, total_of
from heidi_common.problems import NotFound
from heidi_services.notification.enums import Channel, NotificationStatus
from heidi_services.notification.models import IS_UNREAD, Attempt, Notification

UNREAD = (
    (Notification.channel == Channel.IN_APP)
    & Notification.status.in_((NotificationStatus.SENT, NotificationStatus.DELIVERED))
    & Notification.hidden_at.is_(None)
)
"""In-app messages that have arrived and are neither read nor hidden. It is the condition of a partial index."""

VISIBLE = (Notification.channel != Channel.IN_APP) | Notification.sent_at.is_not(None)
"""What the recipient may see. Becoming visible is the delivery of an in-app message, so it is not visible before."""


_UNREAD_OF_USER = select(Notification.id).where(Notification.user_id == bindparam("owner_id"), text(IS_UNREAD))
_UNREAD_COUNT = CompiledStatement(capped_count(_UNREAD_OF_USER))


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


def list_notifications(user_id: UUID, query: Mapping[str, Any], *, include_hidden: bool, **paging: Any) -> Page:
    """List a user's notifications, newest first.

    Args:
        query: `unread` (only unread in-app messages) and `since`, and values of columns by the columns' names.
        include_hidden: Whether to include what the user has hidden or cannot see yet.
    """
    statement: Select[Any] = select(Notification).where(Notification.user_id == user_id)
    columns = {name: value for name, value in query.items() if name not in ("since", "unread")}
    conditions = [getattr(Notification, name) == value for name, value in columns.items()]
    if query.get("since") is not None:
        statement = statement.where(Notification.created_at >= query["since"])
    if query.get("unread"):
        statement = statement.where(UNREAD)  # which implies that it is visible and not hidden
    elif not include_hidden:
        statement = statement.where(Notification.hidden_at.is_(None), VISIBLE)
    order, tiebreak = Notification.created_at, Notification.id
    return page(statement, order=order, descending=True, tiebreak=tiebreak, filters=conditions, **paging)


def list_attempts(notification_id: UUID, *, owner: UUID | None, **paging: Any) -> Page:
    """List a notification's attempts, oldest first; raises NotFound as `get_visible` does."""
    get_visible(notification_id, owner=owner)
    statement = select(Attempt).where(Attempt.notification_id == notification_id)
    return page(statement, order=Attempt.id, descending=False, tiebreak=Attempt.id, **paging)


def unread_count(user_id: UUID) -> Total:
    """Count a user's unread in-app messages."""
    values = {"owner_id": user_id}
    return total_of(_UNREAD_COUNT.all(**values)[0].number, _UNREAD_OF_USER, values)


def _not_found() -> NotFound:
    return NotFound("Notification not found.")
