"""Webhooks out: the row is the work. Claim, copy, end the transaction, call, record.

A slow or dead endpoint must not delay the others. Three limits see to that: few deliveries at a time for one endpoint;
endpoints in trouble share few threads of a process; and the clock names one due row for each endpoint, not all of them.
Who has taken an endpoint's row goes on with its next ones, since the messages for those find the endpoint occupied.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.messaging.jobs import HINT_LEASE, claim, lease_released, status_is
from heidi_services.integration.models import Delivery, DeliveryAttempt, DeliveryStatus, Integration
from heidi_services.integration.service import credential_store
from heidi_services.integration.service.delivery_results import record, record_closed
from heidi_services.integration.service.forwarding import about, may_hear
from heidi_services.integration.service.webhook_client import post_signed

log = logging.getLogger(__name__)
LEASE_SECONDS = 60
AT_A_TIME = 3
LOST_AT_MOST = 12
SHIFT_SECONDS = 20
KEPT = timedelta(days=30)
_TROUBLED_THREADS = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Taken:
    """What a try needs, copied, so that no transaction is open while it lasts."""

    delivery_id: UUID
    integration_id: UUID
    attempt: int
    url: str
    secrets: list[str]
    body: str
    message_id: str


def deliver(delivery_id: UUID) -> int:
    """Try this delivery and go on with the same endpoint's due ones for a while; how many were tried."""
    endpoint = _endpoint_of(delivery_id)
    if endpoint is None:
        return 0
    integration_id, troubled = endpoint
    with _room(troubled) as there_is_room:
        if not there_is_room:
            _come_again(delivery_id)
            return 0
        return _work_shift(integration_id, delivery_id)


def _endpoint_of(delivery_id: UUID) -> tuple[UUID, bool] | None:
    statement = (
        select(Integration.id, Integration.is_troubled)
        .join(Delivery, Delivery.integration_id == Integration.id)
        .where(Delivery.id == delivery_id, status_is(Delivery.status, DeliveryStatus.PENDING))
    )
    with transaction():
        found = db.session.execute(statement).first()
    return None if found is None else (found.id, found.is_troubled)


@contextmanager
def _room(troubled: bool) -> Iterator[bool]:
    """Endpoints in trouble may not fill the worker."""
    if not troubled:
        yield True
        return
    got = _TROUBLED_THREADS.acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _TROUBLED_THREADS.release()


def _come_again(delivery_id: UUID) -> None:
    """No attempt is counted; the clock asks again soon."""
    soon = func.now() + timedelta(seconds=2)
    with transaction():
        db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(hinted_until=soon))


def _work_shift(integration_id: UUID, delivery_id: UUID) -> int:
    ends, count = time.monotonic() + SHIFT_SECONDS, 0
    following: UUID | None = delivery_id
    while following is not None and (taken := _take(integration_id, following)):
        count += 1
        answer = post_signed(taken.url, taken.secrets, taken.message_id, taken.body, utcnow())
        slow = record(taken.delivery_id, taken.attempt, answer, utcnow())
        following = _next_due(integration_id)
        if following is not None and (slow or time.monotonic() > ends):
            # Others wait for this thread: the clock brings the rest back at once.
            _come_again(following)
            break
    return count


def _take(integration_id: UUID, delivery_id: UUID) -> Taken | None:
    """Claim the row unless the endpoint is busy enough. The lock makes counting and claiming one step."""
    with transaction():
        db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(integration_id), 0))))
        if _in_flight(integration_id) >= AT_A_TIME:
            return None
        if not claim(Delivery, delivery_id, open_status=DeliveryStatus.PENDING, lease_seconds=LEASE_SECONDS):
            return None
        return _copied(integration_id, delivery_id)


def _in_flight(integration_id: UUID) -> int:
    statement = (
        select(func.count())
        .where(Delivery.integration_id == integration_id, Delivery.status == DeliveryStatus.PENDING)
        .where(Delivery.locked_until > func.now())
    )
    return db.session.scalar(statement) or 0


def _copied(integration_id: UUID, delivery_id: UUID) -> Taken | None:
    delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
    integration = db.session.get_one(Integration, integration_id, populate_existing=True)
    if not integration.is_open or integration.webhook_url is None:
        record_closed(delivery, "the integration is switched off or has no webhookUrl")
        return None
    if not may_hear(integration.owner_role, integration.user_id, about(delivery.body)):
        delivery.attempts -= 1
        _end(delivery, "the integration's owner may not hear of this any more")
        return None
    if _lost_tries(delivery) >= LOST_AT_MOST:
        _end(delivery, "its worker ended in the middle of every try")
        return None
    try:
        secrets = credential_store.signing_secrets(integration, utcnow())
    except DecryptionError:
        log.error("a signing secret cannot be opened", extra={"integration_id": str(integration_id)})
        record_closed(delivery, "the signing secret cannot be opened: rotate it")
        return None
    return Taken(
        delivery_id, integration_id, delivery.attempts, integration.webhook_url, secrets, delivery.body, _name(delivery)
    )


def _end(delivery: Delivery, reason: str) -> None:
    delivery.status, delivery.locked_until, delivery.last_error = DeliveryStatus.FAILED, None, reason


def _lost_tries(delivery: Delivery) -> int:
    """Tries that were counted and never written down, this one left out: what breaks its worker must end, too."""
    if delivery.attempts <= LOST_AT_MOST:
        return 0
    written = select(func.count()).where(DeliveryAttempt.delivery_id == delivery.id)
    return delivery.attempts - 1 - (db.session.scalar(written) or 0)


def _name(delivery: Delivery) -> str:
    """The same on every try, and for every endpoint that hears of the fact: receivers drop what they know."""
    return str(delivery.event_id)


def _next_due(integration_id: UUID) -> UUID | None:
    """The next one, whether a message for it is under way or not: that message will find it done."""
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
    """One due row for each endpoint that nobody was told about lately, stamped as told."""
    due = (
        select(Delivery.id)
        .where(Delivery.status == DeliveryStatus.PENDING, Delivery.next_attempt_at <= func.now())
        .where(Delivery.hinted_until <= func.now())
        .where(lease_released(Delivery))
        .ext(distinct_on(Delivery.integration_id))
        .order_by(Delivery.integration_id, Delivery.next_attempt_at)
        .limit(limit)
    )
    stamp = (
        update(Delivery)
        .where(Delivery.id.in_(due.scalar_subquery()), Delivery.hinted_until <= func.now())
        .values(hinted_until=func.now() + HINT_LEASE)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        return list(db.session.scalars(stamp))


def prune(now: datetime | None = None) -> None:
    """Deliveries that ended long ago go, with their attempts."""
    delete_in_batches(
        Delivery, Delivery.status != DeliveryStatus.PENDING, Delivery.created_at < (now or utcnow()) - KEPT
    )
