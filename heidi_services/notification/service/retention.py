"""Retention: delete old notifications."""

from __future__ import annotations

from datetime import timedelta

from heidi_common.database.models import utcnow
from heidi_common.database.transactions import delete_in_batches
from heidi_common.runtime import current_settings
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Notification


def delete_expired() -> None:
    """Delete notifications older than NOTIFICATION_RETENTION_DAYS with their attempts. Pending ones are kept."""
    before = utcnow() - timedelta(days=current_settings().notification_retention_days)
    is_closed = Notification.status != NotificationStatus.PENDING
    delete_in_batches(Notification, Notification.created_at < before, is_closed)
