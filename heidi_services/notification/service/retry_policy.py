"""When a failed delivery is retried automatically, and how often. (`manual_retry`: by hand.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from heidi_common.database.models import utcnow
from heidi_common.messaging.jobs import backoff
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.claim import ClaimedNotification
from heidi_services.notification.service.provider_calls import ProviderCall


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a channel retries.

    Attributes:
        base: Upper bound of the pause before the second attempt, in seconds; each pause doubles it.
        cap: The longest pause in seconds.
        attempts: The number of attempts, including the first one.
    """

    base: float
    cap: float
    attempts: int


RETRY_POLICIES = {
    Channel.EMAIL: RetryPolicy(5, 3600, 14),
    Channel.SMS: RetryPolicy(5, 600, 8),
    Channel.PUSH: RetryPolicy(5, 600, 8),
}


def next_attempt_at(job: ClaimedNotification, calls: Sequence[ProviderCall]) -> datetime:
    """Return when the next attempt is due: after the policy's pause, or a longer one that a provider asked for."""
    policy = RETRY_POLICIES[job.channel]
    pause = backoff(job.attempts, base=policy.base, cap=policy.cap)
    requested = max((call.result.retry_after or 0 for call in calls), default=0)
    return utcnow() + max(pause, timedelta(seconds=min(requested, policy.cap)))


def give_up_reason(job: ClaimedNotification, due_at: datetime) -> str | None:
    """Return why the attempt at `due_at` is not made; None if it is."""
    if job.attempts >= RETRY_POLICIES[job.channel].attempts:
        return "attempts_exhausted"
    if job.expires_at is not None and due_at >= job.expires_at:
        return "expired"
    return None
