"""How a try ended: the attempt, the log line, the next due time, and what it says about the endpoint."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import NotificationSend
from heidi_common.messaging.jobs import lease_released
from heidi_common.messaging.outbox import emit
from heidi_services.integration.models import Delivery, DeliveryAttempt, DeliveryStatus, Integration
from heidi_services.integration.service import integration_log
from heidi_services.integration.service.webhook_client import Answer

WAITS = (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds after the first, second ... try; the first is at once, so there are ten."""
JITTER = 0.2
GIVES_UP_AFTER = timedelta(days=5)
SLOW_MS = 3000
GONE = 410


def wait_before_next(attempt: int, retry_after: float | None) -> float | None:
    """Seconds until the next try after this one; None after the last. `Retry-After` counts within one and two steps."""
    if attempt > len(WAITS):
        return None
    step = WAITS[attempt - 1]
    if retry_after is not None:
        return min(max(retry_after, step), 2 * step)
    return step * random.uniform(1 - JITTER, 1 + JITTER)  # nosec B311  # spreads load, is no secret


def record(delivery_id: UUID, attempt: int, answer: Answer, now: datetime) -> bool:
    """Write down one try; True when the endpoint is in trouble (failed or slow)."""
    troubled = not answer.ok or answer.duration_ms >= SLOW_MS
    with transaction():
        delivery = db.session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
        if delivery is None:
            return troubled
        _add_lines(delivery, attempt, answer)
        if delivery.attempts != attempt:
            # The lease ran out and somebody else is at it: their result counts, this one is only noted.
            return troubled
        _settle(delivery, answer, now)
        _judge_endpoint(delivery.integration_id, answer, troubled, now)
    return troubled


def _add_lines(delivery: Delivery, attempt: int, answer: Answer) -> None:
    line = DeliveryAttempt(
        id=uuid7(),
        delivery_id=delivery.id,
        number=attempt,
        outcome=outcome_of(answer),
        status_code=answer.status_code,
        response=answer.body or None,
        error=answer.error,
        duration_ms=answer.duration_ms,
    )
    db.session.add(line)
    integration_log.note(
        delivery.integration_id,
        "OUT",
        "forward",
        "SUCCESS" if answer.ok else "FAILED",
        status_code=answer.status_code,
        duration_ms=answer.duration_ms,
        request={"deliveryId": str(delivery.id), "eventType": delivery.event_type, "attempt": attempt},
        response={"body": answer.body[:1000]} if answer.body else None,
        error=answer.error,
    )


def outcome_of(answer: Answer) -> str:
    if answer.ok:
        return "delivered"
    if answer.refused:
        return "refused"
    return "ambiguous" if answer.ambiguous else "failed"


def _settle(delivery: Delivery, answer: Answer, now: datetime) -> None:
    delivery.locked_until = None
    delivery.response_status = answer.status_code
    delivery.last_error = answer.error
    if answer.ok:
        delivery.status, delivery.delivered_at = DeliveryStatus.DELIVERED, now
        return
    wait = wait_before_next(delivery.attempts, answer.retry_after)
    if wait is None or answer.refused or answer.status_code == GONE:
        delivery.status = DeliveryStatus.FAILED
        return
    delivery.next_attempt_at = delivery.hinted_until = now + timedelta(seconds=wait)


def record_closed(delivery: Delivery, reason: str) -> None:
    """Nothing was sent: the try that was counted when the row was claimed is given back, and the rest ends with it."""
    delivery.attempts -= 1
    db.session.flush()
    waiting = (
        update(Delivery)
        .where(Delivery.integration_id == delivery.integration_id, Delivery.status == DeliveryStatus.PENDING)
        .where((Delivery.id == delivery.id) | lease_released(Delivery))
        .values(status=DeliveryStatus.FAILED, last_error=reason, locked_until=None)
    )
    db.session.execute(waiting.execution_options(synchronize_session=False))


def _judge_endpoint(integration_id: UUID, answer: Answer, troubled: bool, now: datetime) -> None:
    """Not through the ORM's version: what a try says about the endpoint is no change that the owner made."""
    integration = db.session.get_one(Integration, integration_id)
    since = None if answer.ok else integration.failing_since or now
    if (since, troubled) != (integration.failing_since, integration.is_troubled):
        found = update(Integration).where(Integration.id == integration_id)
        values = {"failing_since": since, "is_troubled": troubled, "updated_at": Integration.updated_at}
        db.session.execute(found.values(values).execution_options(synchronize_session=False))
        db.session.expire(integration)
    if answer.status_code == GONE:
        disable(integration_id, "The endpoint answered 410 Gone.")
    elif since is not None and now - since >= GIVES_UP_AFTER:
        disable(integration_id, "Every delivery of the last five days failed.")


def disable(integration_id: UUID, reason: str) -> None:
    """Switch an integration off and tell its owner, once."""
    integration = db.session.get(Integration, integration_id, with_for_update=True, populate_existing=True)
    if integration is None or not integration.is_active:
        return
    integration.is_active, integration.disabled_reason = False, reason
    text = f"Deliveries to the integration “{integration.name}” were switched off. {reason}"
    emit(
        NotificationSend(
            id=uuid7(), about_user=integration.user_id, channel="IN_APP", notification_type="WARNING", category="system"
        ),
        secret_data={"subject": "Integration switched off", "content": text},
    )
