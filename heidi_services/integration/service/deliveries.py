"""The owner's view of what was forwarded: see, try again, catch up."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import selectinload

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Conflict, NotFound
from heidi_services.integration.models import Delivery, DeliveryStatus, Integration
from heidi_services.integration.service import forwarding

CATCH_UP_AT_MOST = 1000


def listed(integration_id: UUID, query: dict[str, Any]) -> Page:
    statement: Select[Any] = select(Delivery).where(Delivery.integration_id == integration_id)
    for name in ("status", "event_type"):
        if query.get(name) is not None:
            statement = statement.where(getattr(Delivery, name) == query[name])
    return page(
        statement,
        order=Delivery.created_at,
        descending=True,
        tiebreak=Delivery.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
    )


def get(integration_id: UUID, delivery_id: UUID, *, lock: bool = False) -> Delivery:
    options = [] if lock else [selectinload(Delivery.tries)]
    found = db.session.get(Delivery, delivery_id, options=options, with_for_update=lock or None, populate_existing=lock)
    if found is None or found.integration_id != integration_id:
        raise NotFound("This integration has no such delivery.")
    return found


def retry(integration: Integration, delivery_id: UUID) -> Delivery:
    """Due now, instead of whenever it was waiting for; also one that failed, or arrived and is wanted again."""
    _require_open(integration)
    with transaction():
        delivery = get(integration.id, delivery_id, lock=True)
        if delivery.locked_until is not None and delivery.locked_until > utcnow():
            raise Conflict("This delivery is being tried just now.", code="in_flight")
        delivery.status = DeliveryStatus.PENDING
        delivery.delivered_at = None
        delivery.next_attempt_at = delivery.hinted_until = utcnow()
    return delivery


def recover(integration: Integration, since: datetime) -> int:
    """Everything since then that failed, or that was said while the integration was off; how many are due now."""
    _require_open(integration)
    with transaction():
        return _failed_again(integration, since) + _missed(integration, since)


def _failed_again(integration: Integration, since: datetime) -> int:
    statement = (
        update(Delivery)
        .where(Delivery.integration_id == integration.id, Delivery.created_at >= since)
        .where(Delivery.status == DeliveryStatus.FAILED)
        .values(status=DeliveryStatus.PENDING, next_attempt_at=func.now(), hinted_until=func.now())
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(db.session.execute(statement).all())


def _missed(integration: Integration, since: datetime) -> int:
    """From the event log, oldest first; never from before the integration was made."""
    patterns = integration.config.get("eventTypes") or []
    statement = (
        select(OutboxEvent)
        .where(OutboxEvent.created_at >= max(since, integration.created_at), OutboxEvent.sent_at.is_not(None))
        .where(~select(Delivery.id).where(Delivery.event_id == OutboxEvent.id, _of(integration)).exists())
        .order_by(OutboxEvent.created_at)
    )
    if integration.owner_role != Role.ADMIN:
        statement = statement.where(OutboxEvent.user_id == integration.user_id)
    found = db.session.scalars(statement.execution_options(yield_per=500))
    missed: list[OutboxEvent] = []
    for event in found:
        if any(matches(pattern, event.type) for pattern in patterns):
            missed.append(event)
        if len(missed) == CATCH_UP_AT_MOST:
            break
    return len(forwarding.queue([integration.id], missed, hinted_until=utcnow())) if missed else 0


def _of(integration: Integration) -> Any:
    return Delivery.integration_id == integration.id


def _require_open(integration: Integration) -> None:
    if not integration.is_open or integration.webhook_url is None:
        raise Conflict("The integration is switched off or has no webhookUrl.", code="integration_inactive")
