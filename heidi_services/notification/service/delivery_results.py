"""Record an attempt to deliver a notification: its status or retry, the attempts and the event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.request_id import row_request_id
from heidi_common.messaging.events import NotificationFailed, NotificationSent
from heidi_common.messaging.outbox import emit, emit_parameters, emit_record
from heidi_common.messaging.relay_wakeup import wake_relay
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.service.claim import ClaimedNotification
from heidi_services.notification.service.delivery_decision import DeliveryDecision, InAppDelivery, ProviderDelivery
from heidi_services.notification.service.delivery_policy import Cancellation, DeliveryFailure, Postponement
from heidi_services.notification.service.delivery_statements import (
    NOTIFICATIONS,
    attempt_parameters,
    sent_by_first_call_statement,
    sent_statement,
    shown_statement,
    update_claimed,
)
from heidi_services.notification.service.provider_calls import (
    ProviderCall,
    attempt_row,
    insert_attempts,
    is_ambiguous,
    stored_provider_id,
)
from heidi_services.notification.service.retry_policy import give_up_reason, next_attempt_at
from heidi_services.notification.service.status_transitions import TIMED_OUT


def record(job: ClaimedNotification, decision: DeliveryDecision, attempts: Sequence[ProviderCall]) -> None:
    """Record what was decided about a claimed notification, and the attempts that followed from it."""
    match decision:
        case DeliveryFailure(reason):
            mark_failed(job, reason)
        case Cancellation(reason):
            mark_cancelled(job, reason)
        case Postponement(until):
            reschedule(job, until)
        case InAppDelivery():
            mark_shown([job])
        case ProviderDelivery():
            record_attempts(job, attempts)


def record_attempts(job: ClaimedNotification, attempts: Sequence[ProviderCall]) -> None:
    """Mark the notification as sent, reschedule it, or mark it as failed, depending on the providers' results."""
    if len(attempts) == 1 and attempts[0].result.sent:
        _record_first_call(job, attempts[0])
        return
    with transaction():
        insert_attempts(job, attempts)
        sent = next((call.result for call in attempts if call.result.sent), None)
        if sent is not None:
            db.session.execute(sent_statement(provider_id=stored_provider_id(sent)), {"sent_id": job.id})
            emit(_sent_event(job))
        elif any(call.result.retryable for call in attempts):
            _retry_or_give_up(job, attempts)
        else:
            _fail(job, _rejection_reason(attempts))


def mark_shown(jobs: Sequence[ClaimedNotification]) -> None:
    """Mark in-app messages as sent: give them positions in the users' streams, and notify the open streams."""
    rows = orjson.dumps([_shown_record(job) for job in jobs]).decode()
    shown_statement().all(ids=[job.id for job in jobs], rows=rows)


def _shown_record(job: ClaimedNotification) -> dict[str, Any]:
    with row_request_id(job.id):
        event = emit_record(_sent_event(job))
    return {"id": job.id, "user_id": job.user_id, "attempts": job.attempts} | event


def mark_failed(job: ClaimedNotification, reason: str) -> None:
    with transaction():
        _fail(job, reason)


def mark_cancelled(job: ClaimedNotification, reason: str) -> None:
    with transaction():
        update_claimed(job, status=NotificationStatus.CANCELLED, failure_reason=reason, sealed=None)


def reschedule(job: ClaimedNotification, until: datetime) -> None:
    """Postpone the delivery without counting an attempt; fail now if the notification would have expired by then."""
    with transaction():
        if job.expires_at is not None and until >= job.expires_at:
            _fail(job, "expired")
        else:
            attempts = NOTIFICATIONS.c.attempts - 1
            update_claimed(job, next_attempt_at=until, hinted_until=until, attempts=attempts)


def _record_first_call(job: ClaimedNotification, call: ProviderCall) -> None:
    """Most notifications are sent by their first call: one statement, without BEGIN and COMMIT."""
    attempt, event = attempt_parameters(attempt_row(job, call)), emit_parameters(_sent_event(job))
    sent_by_first_call_statement().all(sent_id=job.id, **event, **attempt)
    wake_relay()


def _retry_or_give_up(job: ClaimedNotification, attempts: Sequence[ProviderCall]) -> None:
    due_at = next_attempt_at(job, attempts)
    reason = give_up_reason(job, due_at)
    if reason is None:
        update_claimed(job, next_attempt_at=due_at, hinted_until=due_at)
    else:
        _fail(job, TIMED_OUT if is_ambiguous(attempts) else reason)


def _fail(job: ClaimedNotification, reason: str) -> None:
    if update_claimed(job, status=NotificationStatus.FAILED, failure_reason=reason):
        emit(
            NotificationFailed(
                id=job.id, about_user=job.user_id, channel=job.channel, category=job.category, reason=reason
            )
        )


def _sent_event(job: ClaimedNotification) -> NotificationSent:
    return NotificationSent(id=job.id, about_user=job.user_id, channel=job.channel, category=job.category)


def _rejection_reason(attempts: Sequence[ProviderCall]) -> str:
    """A fixed term. The provider's own text may contain an address, so it is stored only with the attempt."""
    return "misconfigured" if any(call.result.final for call in attempts) else "refused"
