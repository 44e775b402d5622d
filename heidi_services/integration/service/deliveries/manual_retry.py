"""Retry a delivery by hand. (`retry_policy`: automatically; `delivery_recovery`: all deliveries after an outage.)"""

from __future__ import annotations

from uuid import UUID

from heidi_common.database.models import utcnow
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.deliveries import deliveries


def retry_delivery(integration: Integration, delivery_id: UUID) -> Delivery:
    """Make a delivery due now, whether it is pending, failed or delivered.

    Raises:
        Conflict: The delivery is being sent, the integration is switched off or it has no `webhookUrl`.
        NotFound: The integration has no such delivery.
    """
    require_deliverable(integration)
    with transaction():
        delivery = deliveries.get_delivery(integration.id, delivery_id, lock=True)
        if delivery.locked_until is not None and delivery.locked_until > utcnow():
            raise Conflict("The delivery is currently being sent. Retry it after this attempt.", code="in_flight")
        delivery.status = DeliveryStatus.PENDING
        delivery.delivered_at = None
        delivery.next_attempt_at = delivery.hinted_until = utcnow()
    return delivery


def require_deliverable(integration: Integration) -> None:
    """Raise Conflict unless the integration is active and has a `webhookUrl`."""
    if not integration.is_open or integration.webhook_url is None:
        raise Conflict("The integration is switched off or has no `webhookUrl`.", code="integration_inactive")
