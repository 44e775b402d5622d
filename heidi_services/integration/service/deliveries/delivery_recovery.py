"""Recover deliveries after an outage of the endpoint: retry the failed ones, and create those that were missed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.deliveries import forwarding
from heidi_services.integration.service.deliveries.manual_retry import require_deliverable

MAX_MISSED_EVENTS = 1000


def recover_deliveries(integration: Integration, since: datetime) -> int:
    """Make the failed deliveries since a time due now, and create deliveries for up to 1,000 missed events.

    Args:
        integration: The integration.
        since: Deliveries and events from this time on are recovered, but no events from before the integration was
            created.

    Returns:
        How many deliveries are due now.

    Raises:
        Conflict: The integration is switched off or has no `webhookUrl`.
    """
    require_deliverable(integration)
    with transaction():
        return _retry_failed(integration.id, since) + _create_missed(integration, since)


def _retry_failed(integration_id: UUID, since: datetime) -> int:
    statement = (
        update(Delivery)
        .where(Delivery.integration_id == integration_id, Delivery.created_at >= since)
        .where(Delivery.status == DeliveryStatus.FAILED)
        .values(status=DeliveryStatus.PENDING, next_attempt_at=func.now(), hinted_until=func.now())
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(db.session.execute(statement).all())


def _create_missed(integration: Integration, since: datetime) -> int:
    missed = _find_missed(integration, since)
    if not missed:
        return 0
    return len(forwarding.enqueue_deliveries([integration.id], missed, hinted_until=utcnow()))


def _find_missed(integration: Integration, since: datetime) -> list[OutboxEvent]:
    """The oldest events in the log that match `eventTypes` and have no delivery."""
    patterns = integration.config.get("eventTypes") or []
    missed: list[OutboxEvent] = []
    for event in db.session.scalars(_undelivered_events(integration, since).execution_options(yield_per=500)):
        if any(matches(pattern, event.type) for pattern in patterns):
            missed.append(event)
        if len(missed) == MAX_MISSED_EVENTS:
            break
    return missed


def _undelivered_events(integration: Integration, since: datetime) -> Select[OutboxEvent]:
    delivery = select(Delivery.id).where(Delivery.event_id == OutboxEvent.id, Delivery.integration_id == integration.id)
    statement = (
        select(OutboxEvent)
        .where(OutboxEvent.created_at >= max(since, integration.created_at), OutboxEvent.sent_at.is_not(None))
        .where(~delivery.exists())
        .order_by(OutboxEvent.created_at)
    )
    if integration.owner_role == Role.ADMIN:
        return statement
    return statement.where(OutboxEvent.user_id == integration.user_id)
