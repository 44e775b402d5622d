"""The calls of providers during a delivery, and their rows in `notification_attempts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete
from uuid_utils.compat import uuid7

from heidi_common.database.models import storable_text
from heidi_common.database.session import db
from heidi_services.notification.channels.message import DeliveryOutcome, SendResult
from heidi_services.notification.models import Attempt, PushDevice
from heidi_services.notification.service.delivery.claim import ClaimedNotification
from heidi_services.notification.service.delivery.delivery_decision import DeliveryTarget
from heidi_services.notification.service.recipients.suppressions import suppress_address

ATTEMPTS = cast(Table, Attempt.__table__)
_MAX_PROVIDER_ID = 255
"""Characters that the index of these IDs accepts."""
_MAX_ERROR = 1000


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call of one provider for one target, and its result."""

    result: SendResult
    target: DeliveryTarget
    started_at: datetime
    duration_ms: int


def insert_attempts(job: ClaimedNotification, calls: Sequence[ProviderCall]) -> None:
    """Insert a row for each call, and remove or suppress recipients that do not exist."""
    if calls:
        db.session.execute(ATTEMPTS.insert(), [attempt_row(job, call) for call in calls])
    for call in calls:
        if call.result.recipient_gone:
            _remove_recipient(job, call)


def attempt_row(job: ClaimedNotification, call: ProviderCall) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "notification_id": job.id,
        "number": job.attempts,
        "provider": call.result.provider,
        "outcome": call.result.outcome.value,
        "code": storable_text(call.result.code) or None,
        "provider_id": stored_provider_id(call.result),
        "error": storable_text(call.result.error)[:_MAX_ERROR] or None,
        "response": storable_text(call.result.response)[:_MAX_ERROR] or None,
        "started_at": call.started_at,
        "duration_ms": call.duration_ms,
    }


def stored_provider_id(result: SendResult) -> str | None:
    """The provider's ID of the message, shortened to what can be indexed."""
    return storable_text(result.provider_id)[:_MAX_PROVIDER_ID] or None


def is_ambiguous(calls: Sequence[ProviderCall]) -> bool:
    """Return whether a provider may have accepted the message without a response."""
    return any(call.result.outcome is DeliveryOutcome.AMBIGUOUS for call in calls)


def _remove_recipient(job: ClaimedNotification, call: ProviderCall) -> None:
    if call.target.device_id is not None:
        db.session.execute(delete(PushDevice).where(PushDevice.id == call.target.device_id))
    else:
        detail = storable_text(call.result.error)[:_MAX_ERROR]
        suppress_address(job.channel, call.target.address, call.result.suppression_reason, detail=detail)
