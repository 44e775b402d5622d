"""Retry failed notifications by hand. (`retry_policy`: automatically.)"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, null, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict, NotFound
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import BULK_PRIORITY, NORMAL_PRIORITY, UNHINTED, Notification

RETRY_LIMIT = 10_000
"""The most notifications that one call retries, so that its transaction ends in seconds."""
_NOT_EXPIRED = Notification.expires_at.is_(None) | (Notification.expires_at > func.now())


def retry_notification(notification_id: UUID) -> Notification:
    """Return a FAILED notification to PENDING and reset its attempts; the clock wakes a worker within a second.

    Raises:
        NotFound: The notification does not exist.
        Conflict: It has not failed, or it has expired.
    """
    with transaction():
        if not _reopen(Notification.id == notification_id, hinted_until=func.now(), priority=NORMAL_PRIORITY):
            if db.session.get(Notification, notification_id) is None:
                raise NotFound("Notification not found.")
            detail = "Only a failed notification that has not expired can be retried."
            raise Conflict(detail, code="not_failed")
    return db.session.get_one(Notification, notification_id, populate_existing=True)


class RetriedNotifications(NamedTuple):
    """How many notifications will be retried, and whether there were more than the limit."""

    number: int
    has_more: bool


def retry_failed(
    filters: Mapping[str, Any], *, since: datetime | None = None, limit: int = RETRY_LIMIT
) -> RetriedNotifications:
    """Retry all failed notifications that match, at the rate of bulk messages so that they do not delay others.

    Args:
        filters: Values of columns, by the columns' names.
        since: Only notifications created at this time or later.
        limit: The most notifications to retry, oldest first.

    Returns:
        The number of notifications that will be retried, and whether others match.
    """
    selected = select(Notification.id).where(Notification.status == NotificationStatus.FAILED, _NOT_EXPIRED)
    for name, value in filters.items():
        selected = selected.where(getattr(Notification, name) == value)
    if since is not None:
        selected = selected.where(Notification.created_at >= since)
    first = selected.order_by(Notification.created_at).limit(limit)
    with transaction():
        number = _reopen(Notification.id.in_(first.scalar_subquery()), hinted_until=UNHINTED, priority=BULK_PRIORITY)
        has_more = number == limit and db.session.scalar(select(selected.exists()))
    return RetriedNotifications(number, bool(has_more))


def _reopen(condition: ColumnElement[bool], **values: Any) -> int:
    statement = update(Notification).where(condition, Notification.status == NotificationStatus.FAILED, _NOT_EXPIRED)
    reset = {
        "status": NotificationStatus.PENDING,
        "failure_reason": None,
        "attempts": 0,
        "retry_progress": null(),
        "next_attempt_at": func.now(),
        "locked_until": None,
        "updated_at": func.now(),
        "version": Notification.version + 1,
    }
    result = db.session.execute(statement.values(**reset, **values).execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]
