"""List, read and retry deliveries on behalf of the integration's owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict, NotFound
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration


def list_deliveries(integration_id: UUID, query: dict[str, Any]) -> Page:
    """A page of the deliveries of an integration, newest first."""
    statement: Select[Any] = select(Delivery).where(Delivery.integration_id == integration_id)
    names = (name for name in ("status", "event_type") if query.get(name) is not None)
    filters = [getattr(Delivery, name) == query[name] for name in names]
    return newest_first(statement, Delivery, query, filters=filters)


def get_delivery(integration_id: UUID, delivery_id: UUID, *, lock: bool = False) -> Delivery:
    """Read a delivery with its attempts; with `lock`, lock its row instead of reading the attempts.

    Raises:
        NotFound: The integration has no such delivery.
    """
    options = [] if lock else [selectinload(Delivery.attempt_log)]
    delivery = db.session.get(
        Delivery, delivery_id, options=options, with_for_update=lock or None, populate_existing=lock
    )
    if delivery is None or delivery.integration_id != integration_id:
        raise NotFound("Delivery not found in this integration.")
    return delivery


def retry_delivery(integration: Integration, delivery_id: UUID) -> Delivery:
    """Make a delivery due now, whether it is pending, failed or delivered.

    Raises:
        Conflict: The delivery is being sent, the integration is switched off or it has no `webhookUrl`.
        NotFound: The integration has no such delivery.
    """
    require_deliverable(integration)
    with transaction():
        delivery = get_delivery(integration.id, delivery_id, lock=True)
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
