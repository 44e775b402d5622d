"""Record an attempt to deliver a notification: its status or retry, the attempts and the event."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.causes import row_cause
from heidi_common.messaging.events import NotificationFailed, NotificationSent
from heidi_common.messaging.outbox import emit, emit_parameters, emit_record
from heidi_common.messaging.relay_wakeup import wake_relay
from heidi_common.metrics import platform_states
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.service.delivery.claim import ClaimedNotification
from heidi_services.notification.service.delivery.delivery_decision import (
    DeliveryDecision,
    InAppDelivery,
    ProviderDelivery,
)
from heidi_services.notification.service.delivery.delivery_policy import Cancellation, DeliveryFailure, Postponement
from heidi_services.notification.service.delivery.delivery_statements import (
    NOTIFICATIONS,
    attempt_parameters,
    sent_by_first_call_statement,
    sent_statement,
    shown_statement,
    update_claimed,
)
from heidi_services.notification.service.delivery.provider_calls import (
    ProviderCall,
    attempt_row,
    insert_attempts,
    stored_provider_id,
)
from heidi_services.notification.service.delivery.retry_policy import give_up_at, give_up_reason, next_attempt_at
from heidi_services.notification.service.delivery.retry_progress import RetryProgress
from heidi_services.notification.service.status_transitions import TIMED_OUT

log = logging.getLogger(__name__)


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
    _report_misconfiguration(attempts)
    progress = job.progress.after(attempts)
    with transaction():
        insert_attempts(job, attempts)
        if progress.is_left(attempts):
            _retry_or_give_up(job, attempts, progress)
        else:
            _finish(job, attempts, progress, "refused")


def _report_misconfiguration(attempts: Sequence[ProviderCall]) -> None:
    """Tell operators that a provider rejects our configuration: until they fix it, its messages wait."""
    for call in attempts:
        if call.result.misconfigured:
            context = {"provider": call.result.provider, "code": call.result.code, "error": call.result.error}
            log.error("provider rejected the configuration", extra=context)
            platform_states.store(platform_states.PROVIDER_REJECTION, call.result.provider)


def mark_shown(jobs: Sequence[ClaimedNotification]) -> None:
    """Mark in-app messages as sent: give them positions in the users' streams, and notify the open streams."""
    rows = orjson.dumps([_shown_record(job) for job in jobs]).decode()
    shown_statement().all(ids=[job.id for job in jobs], rows=rows)


def _shown_record(job: ClaimedNotification) -> dict[str, Any]:
    with row_cause(job.id):
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
    wake_relay(for_result=True)


def _retry_or_give_up(job: ClaimedNotification, attempts: Sequence[ProviderCall], progress: RetryProgress) -> None:
    due_at = next_attempt_at(job, attempts)
    reason = give_up_reason(job, due_at)
    if reason is None:
        stored = replace(progress, give_up_at=give_up_at(job)).as_json()
        update_claimed(job, next_attempt_at=due_at, hinted_until=due_at, retry_progress=stored)
    else:
        _finish(job, attempts, progress, reason)


def _finish(job: ClaimedNotification, attempts: Sequence[ProviderCall], progress: RetryProgress, reason: str) -> None:
    """End the delivery. The notification is sent if one device accepted it; otherwise it has failed.

    Args:
        reason: Why it has failed, unless the attempts say more.
    """
    if progress.accepted:
        _mark_sent(job, attempts)
    elif progress.ambiguous:
        _fail(job, TIMED_OUT)
    else:
        _fail(job, "misconfigured" if any(call.result.misconfigured for call in attempts) else reason)


def _mark_sent(job: ClaimedNotification, attempts: Sequence[ProviderCall] = ()) -> None:
    provider_id = next((stored_provider_id(call.result) for call in attempts if call.result.sent), None)
    values = {} if provider_id is None else {"provider_id": provider_id}
    db.session.execute(sent_statement(**values), {"sent_id": job.id})
    emit(_sent_event(job))


def _fail(job: ClaimedNotification, reason: str) -> None:
    """Mark the notification as failed; or as sent, if one device accepted it before the others failed."""
    if job.progress.accepted:
        _mark_sent(job)
    elif update_claimed(job, status=NotificationStatus.FAILED, failure_reason=reason):
        emit(
            NotificationFailed(
                id=job.id, about_user=job.user_id, channel=job.channel, category=job.category, reason=reason
            )
        )


def _sent_event(job: ClaimedNotification) -> NotificationSent:
    return NotificationSent(id=job.id, about_user=job.user_id, channel=job.channel, category=job.category)
