"""Messages that need an operator's attention."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import select

from heidi_common.metrics.attention import RECENT, AttentionItem, attention_item, present
from heidi_common.schemas.fields import iso
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import Notification


def find_problems(now: datetime) -> list[AttentionItem]:
    """The messages that have failed and were created in the last day."""
    since = now - RECENT
    query = {"scope": "all", "status": NotificationStatus.FAILED.value, "since": iso(since)}
    failed = select(Notification.created_at).where(
        Notification.status == NotificationStatus.FAILED, Notification.created_at >= since
    )
    return present([attention_item("failedMessages", f"/api/v1/notifications?{urlencode(query)}", failed)])
