"""Retention: delete old notifications."""

from __future__ import annotations

from datetime import UTC, timedelta

from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import AGE, Notification


def delete_expired() -> bool:
    """Delete a part of the notifications older than NOTIFICATION_RETENTION_DAYS, with their attempts.

    Pending ones are kept.

    Returns:
        Whether some are left.
    """
    before = utcnow() - timedelta(days=current_settings().notification_retention_days)
    is_closed = Notification.status != NotificationStatus.PENDING
    return delete_in_batches(Notification, AGE, before.astimezone(UTC).replace(tzinfo=None), is_closed)
