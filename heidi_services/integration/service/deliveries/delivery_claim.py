"""Claim a due delivery for one attempt, and copy what the attempt needs.

The copy makes it possible to end the transaction before the request is sent.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import claim, lease_released
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, DeliveryAttempt, Integration
from heidi_services.integration.service.credentials import credential_store
from heidi_services.integration.service.deliveries import forwarding
from heidi_services.integration.service.deliveries.webhook_client import WebhookRequest

log = logging.getLogger(__name__)
LEASE_SECONDS = 60
MAX_CONCURRENT_PER_ENDPOINT = 3
MAX_LOST_ATTEMPTS = 12


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that this worker has leased for one attempt."""

    delivery_id: UUID
    attempt: int
    request: WebhookRequest


def claim_delivery(integration_id: UUID, delivery_id: UUID) -> ClaimedDelivery | None:
    """Claim a delivery for one attempt.

    Returns:
        None if the endpoint already has three deliveries in flight, if another worker has claimed the delivery, or if
        the delivery must not be sent. In the last case it has been marked as failed.
    """
    with transaction():
        # The lock makes counting and claiming atomic for this endpoint.
        db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(integration_id), 0))))
        if _in_flight(integration_id) >= MAX_CONCURRENT_PER_ENDPOINT:
            return None
        if not claim(Delivery, delivery_id, open_status=DeliveryStatus.PENDING, lease_seconds=LEASE_SECONDS):
            return None
        delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
        integration = db.session.get_one(Integration, integration_id, populate_existing=True)
        request = _build_request(delivery, integration) if _may_be_sent(delivery, integration) else None
        return ClaimedDelivery(delivery_id, delivery.attempts, request) if request else None


def _in_flight(integration_id: UUID) -> int:
    statement = (
        select(func.count())
        .where(Delivery.integration_id == integration_id, Delivery.status == DeliveryStatus.PENDING)
        .where(Delivery.locked_until > func.now())
    )
    return db.session.scalar(statement) or 0


def _may_be_sent(delivery: Delivery, integration: Integration) -> bool:
    """Check the delivery before an attempt; mark it as failed if it must not be sent."""
    if not integration.is_open or integration.webhook_url is None:
        _fail_all_pending(delivery, "the integration is switched off or has no webhookUrl")
    elif not forwarding.may_still_receive(integration, delivery.body):
        delivery.attempts -= 1
        _mark_failed(delivery, "the integration's owner may no longer receive this event")
    elif _lost_attempts(delivery) >= MAX_LOST_ATTEMPTS:
        _mark_failed(delivery, "the worker process ended during every attempt")
    else:
        return True
    return False


def _build_request(delivery: Delivery, integration: Integration) -> WebhookRequest | None:
    assert integration.webhook_url is not None
    try:
        secrets = credential_store.decrypt_signing_secrets(integration, utcnow())
        auth = credential_store.decrypt_endpoint_auth(integration)
    except DecryptionError:
        log.error("the secrets cannot be decrypted", extra={"integration_id": str(integration.id)})
        _fail_all_pending(
            delivery, "the secrets cannot be decrypted: rotate the signing secret, replace `endpointAuth`"
        )
        return None
    # The message ID is the same on every attempt and for every endpoint, so that receivers recognize repetitions.
    return WebhookRequest(integration.webhook_url, secrets, str(delivery.event_id), delivery.body, auth)


def _mark_failed(delivery: Delivery, reason: str) -> None:
    delivery.status, delivery.locked_until, delivery.last_error = DeliveryStatus.FAILED, None, reason
    count(series.DELIVERIES, series.FAILED)


def _fail_all_pending(delivery: Delivery, reason: str) -> None:
    """Mark this delivery and all unclaimed ones of its endpoint as failed; nothing was sent, so no attempt counts."""
    delivery.attempts -= 1
    db.session.flush()
    statement = (
        update(Delivery)
        .where(Delivery.integration_id == delivery.integration_id, Delivery.status == DeliveryStatus.PENDING)
        .where((Delivery.id == delivery.id) | lease_released(Delivery))
        .values(status=DeliveryStatus.FAILED, last_error=reason, locked_until=None)
    )
    failed = db.session.scalars(statement.returning(Delivery.id).execution_options(synchronize_session=False)).all()
    count(series.DELIVERIES, series.FAILED, len(failed))


def _lost_attempts(delivery: Delivery) -> int:
    """Count the earlier attempts without a recorded result: their workers ended during the attempt."""
    if delivery.attempts <= MAX_LOST_ATTEMPTS:
        return 0
    recorded = select(func.count()).where(DeliveryAttempt.delivery_id == delivery.id)
    return delivery.attempts - 1 - (db.session.scalar(recorded) or 0)
