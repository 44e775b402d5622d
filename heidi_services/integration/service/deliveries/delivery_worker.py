"""Process due deliveries: claim a row, send the webhook without an open transaction, record the result.

A slow or unreachable endpoint must not delay the others:

- One endpoint is called for only a few deliveries at a time (see `delivery_claim`).
- Unhealthy endpoints share few of a process's threads.
- The clock reports one due delivery per endpoint, not all of them. The worker that claims it continues with the
  endpoint's next due deliveries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import HINT_LEASE, lease_released, status_is
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.deliveries.delivery_claim import claim_delivery
from heidi_services.integration.service.deliveries.delivery_results import record_attempt
from heidi_services.integration.service.deliveries.endpoint_health import is_unhealthy
from heidi_services.integration.service.deliveries.webhook_client import send_webhook

DRAIN_SECONDS = 20
REQUEUE_SECONDS = 2
_UNHEALTHY_SLOTS = threading.BoundedSemaphore(2)


def deliver(delivery_id: UUID) -> int:
    """Send a delivery, then the other due deliveries of the same endpoint for up to 20 s.

    Returns:
        The number of attempts.
    """
    endpoint = _find_endpoint(delivery_id)
    if endpoint is None:
        return 0
    integration_id, unhealthy = endpoint
    with _concurrency_slot(unhealthy) as acquired:
        if not acquired:
            _requeue(delivery_id)
            return 0
        return _drain_endpoint(integration_id, delivery_id)


def _find_endpoint(delivery_id: UUID) -> tuple[UUID, bool] | None:
    """The integration of a pending delivery, and whether its endpoint is unhealthy."""
    statement = (
        select(Integration.id, Integration.is_unhealthy)
        .join(Delivery, Delivery.integration_id == Integration.id)
        .where(Delivery.id == delivery_id, status_is(Delivery.status, DeliveryStatus.PENDING))
    )
    with transaction():
        row = db.session.execute(statement).first()
    return None if row is None else (row.id, row.is_unhealthy)


@contextmanager
def _concurrency_slot(unhealthy: bool) -> Iterator[bool]:
    """Limit how many threads of this process call unhealthy endpoints; yields whether there is a free slot."""
    if not unhealthy:
        yield True
        return
    acquired = _UNHEALTHY_SLOTS.acquire(blocking=False)
    try:
        yield acquired
    finally:
        if acquired:
            _UNHEALTHY_SLOTS.release()


def _requeue(delivery_id: UUID) -> None:
    """Leave a delivery to the clock, which reports it again in 2 s. This does not count as an attempt."""
    hinted_until = func.now() + timedelta(seconds=REQUEUE_SECONDS)
    with transaction():
        db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(hinted_until=hinted_until))


def _drain_endpoint(integration_id: UUID, delivery_id: UUID) -> int:
    """Send the endpoint's due deliveries until none is left, the endpoint is unhealthy or the time is up."""
    deadline, attempts = time.monotonic() + DRAIN_SECONDS, 0
    next_id: UUID | None = delivery_id
    while next_id is not None and (delivery := claim_delivery(integration_id, next_id)):
        attempts += 1
        response = send_webhook(delivery.request, utcnow())
        record_attempt(delivery.delivery_id, delivery.attempt, response, utcnow())
        next_id = _next_due(integration_id)
        if next_id is not None and (is_unhealthy(response) or time.monotonic() > deadline):
            _requeue(next_id)
            break
    return attempts


def _next_due(integration_id: UUID) -> UUID | None:
    """The endpoint's next due delivery, even if a wake-up message for it is on its way.

    When that message arrives, the delivery has been sent, and the message has no effect.
    """
    statement = (
        select(Delivery.id)
        .where(Delivery.integration_id == integration_id, Delivery.status == DeliveryStatus.PENDING)
        .where(Delivery.next_attempt_at <= func.now())
        .where(lease_released(Delivery))
        .order_by(Delivery.next_attempt_at)
        .limit(1)
    )
    with transaction():
        return db.session.scalar(statement)


def overdue(limit: int = 500) -> list[UUID]:
    """Due deliveries without a wake-up message on its way, one for each endpoint. They are marked as hinted."""
    due = (
        select(Delivery.id)
        .where(Delivery.status == DeliveryStatus.PENDING, Delivery.next_attempt_at <= func.now())
        .where(Delivery.hinted_until <= func.now())
        .where(lease_released(Delivery))
        .ext(distinct_on(Delivery.integration_id))
        .order_by(Delivery.integration_id, Delivery.next_attempt_at)
        .limit(limit)
    )
    mark_hinted = (
        update(Delivery)
        .where(Delivery.id.in_(due.scalar_subquery()), Delivery.hinted_until <= func.now())
        .values(hinted_until=func.now() + HINT_LEASE)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        return list(db.session.scalars(mark_hinted))
