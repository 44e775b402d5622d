"""Delete rows that are past their retention period, in parts: each function returns whether rows are left."""

from __future__ import annotations

from datetime import datetime, timedelta

from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, IntegrationLog, Sync, WebhookEvent

DELIVERY_RETENTION = timedelta(days=30)
LOG_RETENTION = timedelta(days=30)
SYNC_RETENTION = timedelta(days=30)
EVENT_RETENTION = timedelta(days=90)
"""Longer than any provider repeats an event, and longer than a synchronization looks back.

An event that is received again after its row was deleted would count as a new one.
"""


def delete_expired_deliveries(now: datetime | None = None) -> bool:
    """Delete old deliveries with their attempts. Pending deliveries are kept regardless of age."""
    before = (now or utcnow()) - DELIVERY_RETENTION
    return delete_in_batches(Delivery, Delivery.created_at, before, Delivery.status != DeliveryStatus.PENDING)


def delete_expired_logs(now: datetime | None = None) -> bool:
    """Delete old log entries."""
    return delete_in_batches(IntegrationLog, IntegrationLog.created_at, (now or utcnow()) - LOG_RETENTION)


def delete_expired_syncs(now: datetime | None = None) -> bool:
    """Delete synchronizations that finished long ago. Pending ones are kept regardless of age."""
    return delete_in_batches(Sync, Sync.finished_at, (now or utcnow()) - SYNC_RETENTION)


def delete_expired_events(now: datetime | None = None) -> bool:
    """Delete events that were received long ago."""
    return delete_in_batches(WebhookEvent, WebhookEvent.created_at, (now or utcnow()) - EVENT_RETENTION)
