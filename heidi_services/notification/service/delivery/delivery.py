"""Deliver one notification: claim it, decide, send it through a provider, record the result.

No transaction is open and no database connection is held while a provider is called.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from heidi_common.channels.registry import CHANNELS
from heidi_common.database.models import utcnow
from heidi_common.messaging.lease_keeper import EXTEND_AFTER_SECONDS, kept_lease
from heidi_services.notification.channels.message import Message, Sender, Urgency
from heidi_services.notification.channels.push_options import DEFAULT_PUSH_OPTIONS, PushOptions
from heidi_services.notification.enums import MARKETING, UNMUTABLE, Channel, NotificationType
from heidi_services.notification.service.delivery import circuit_breaker
from heidi_services.notification.service.delivery.claim import ClaimedNotification, claim, extend_lease
from heidi_services.notification.service.delivery.delivery_decision import (
    DeliveryDecision,
    DeliveryTarget,
    ProviderDelivery,
    decide,
)
from heidi_services.notification.service.delivery.delivery_results import record
from heidi_services.notification.service.delivery.provider_calls import ProviderCall
from heidi_services.notification.service.recipients.unsubscribe import unsubscribe_link


def deliver(notification_id: UUID) -> None:
    """Deliver a notification if it is due and no other worker has claimed it."""
    job = claim(notification_id)
    if job is not None:
        deliver_claimed(job)


def deliver_claimed(job: ClaimedNotification) -> None:
    """Decide about a claimed notification, call the providers that the decision names, and record the result."""
    decision = decide(job)
    attempts = send(job, decision)
    record(job, decision, attempts)


def send(job: ClaimedNotification, decision: DeliveryDecision) -> list[ProviderCall]:
    """Call the providers that the decision names.

    Returns:
        The calls in their order; empty for every decision but a ProviderDelivery.
    """
    if not isinstance(decision, ProviderDelivery):
        return []
    with kept_lease(job.id, partial(extend_lease, job)):
        return list(_send_to_targets(job, decision))


def _send_to_targets(job: ClaimedNotification, delivery: ProviderDelivery) -> Iterator[ProviderCall]:
    """Call one target after the other, and stop if another worker has claimed the notification meanwhile."""
    leased_at = time.monotonic()
    for target in delivery.targets:
        if time.monotonic() - leased_at > EXTEND_AFTER_SECONDS:
            if not extend_lease(job):
                return
            leased_at = time.monotonic()
        yield from _send_with_failover(delivery.senders, _message(job, delivery, target), target)


def _send_with_failover(senders: Sequence[Sender], message: Message, target: DeliveryTarget) -> Iterator[ProviderCall]:
    """Call one provider after the other until one can be reached. A provider that rejects the message is the last."""
    supporting = [sender for sender in senders if sender.supports(message)]
    for sender in circuit_breaker.closed_first(supporting):
        call = _call(sender, message, target)
        yield call
        if not call.result.unreachable:
            return
        circuit_breaker.record_failure(sender)


def _call(sender: Sender, message: Message, target: DeliveryTarget) -> ProviderCall:
    started_at, started = utcnow(), time.monotonic()
    result = sender.send(message)
    return ProviderCall(result, target, started_at, duration_ms=round((time.monotonic() - started) * 1000))


def _message(job: ClaimedNotification, delivery: ProviderDelivery, target: DeliveryTarget) -> Message:
    text = delivery.text
    # A recipient of a copy must not be able to unsubscribe the user.
    can_unsubscribe = (
        CHANNELS[job.channel].has_unsubscribe_link and job.category not in UNMUTABLE and not delivery.email.has_copies
    )
    return Message(
        id=job.id,
        recipient=target.address,
        subject=text.subject or "",
        text=text.content,
        html=text.html or "",
        unsubscribe_url=unsubscribe_link(job.user_id, job.category, job.channel) if can_unsubscribe else "",
        recipient_name=job.recipient_name or "",
        locale=job.locale or "",
        keys=target.keys,
        expires_at=job.expires_at,
        urgency=_urgency(job),
        attachments=delivery.attachments,
        email=delivery.email,
        push=PushOptions.from_json(job.options) if job.channel == Channel.PUSH else DEFAULT_PUSH_OPTIONS,
    )


def _urgency(job: ClaimedNotification) -> Urgency:
    if job.category in UNMUTABLE or job.type == NotificationType.ALERT:
        return Urgency.HIGH
    return Urgency.LOW if job.category == MARKETING else Urgency.NORMAL
