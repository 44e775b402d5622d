"""Record an attempt to deliver a webhook: the attempt, the log entry, and the delivery's status or retry."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, DeliveryAttempt
from heidi_services.integration.service import integration_log
from heidi_services.integration.service.deliveries import endpoint_health
from heidi_services.integration.service.deliveries.retry_policy import retry_delay
from heidi_services.integration.service.deliveries.webhook_client import WebhookResponse


def record_attempt(delivery_id: UUID, attempt: int, response: WebhookResponse, now: datetime) -> None:
    """Record an attempt in one transaction. Does nothing if the delivery was deleted during the attempt."""
    with transaction():
        delivery = db.session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
        if delivery is None:
            return
        _add_attempt(delivery, attempt, response)
        if delivery.attempts != attempt:
            # The lease has expired and another worker has claimed the delivery. That worker's result counts.
            return
        _update_status(delivery, response, now)
        endpoint_health.update_health(delivery.integration_id, response, now)


def _add_attempt(delivery: Delivery, attempt: int, response: WebhookResponse) -> None:
    row = DeliveryAttempt(
        id=uuid7(),
        delivery_id=delivery.id,
        number=attempt,
        outcome=_outcome(response),
        status_code=response.status_code,
        response=response.body or None,
        error=response.error,
        duration_ms=response.duration_ms,
    )
    db.session.add(row)
    request = {"deliveryId": str(delivery.id), "eventType": delivery.event_type, "attempt": attempt}
    integration_log.record_call(delivery.integration_id, "forward", response, ok=response.ok, request=request)


def _outcome(response: WebhookResponse) -> str:
    if response.ok:
        return "delivered"
    if response.blocked:
        return "refused"
    return "ambiguous" if response.ambiguous else "failed"


def _update_status(delivery: Delivery, response: WebhookResponse, now: datetime) -> None:
    delivery.locked_until = None
    delivery.response_status = response.status_code
    delivery.last_error = response.error
    if response.ok:
        delivery.status, delivery.delivered_at = DeliveryStatus.DELIVERED, now
        count(series.DELIVERIES, series.DELIVERED)
        return
    _retry_or_give_up(delivery, response, now)


def _retry_or_give_up(delivery: Delivery, response: WebhookResponse, now: datetime) -> None:
    delay = retry_delay(delivery.attempts, response.retry_after)
    if delay is None or response.blocked or response.gone:
        delivery.status = DeliveryStatus.FAILED
        count(series.DELIVERIES, series.FAILED)
        return
    count(series.DELIVERIES, series.RETRIED)
    delivery.next_attempt_at = delivery.hinted_until = now + timedelta(seconds=delay)
