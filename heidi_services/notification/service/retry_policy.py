"""When a failed delivery is retried automatically, and how often. (`manual_retry`: by hand.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from heidi_common.database.models import utcnow
from heidi_common.messaging.jobs import backoff
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.claim import ClaimedNotification
from heidi_services.notification.service.provider_calls import ProviderCall, is_ambiguous


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a channel retries.

    Attributes:
        base: Upper bound of the pause before the second attempt, in seconds; each pause doubles it.
        cap: The longest pause in seconds.
        lasts: How long after the first failure the last attempt may be made.
    """

    base: float
    cap: float
    lasts: timedelta


RETRY_POLICIES = {
    Channel.EMAIL: RetryPolicy(5, 2 * 3600, timedelta(hours=72)),
    Channel.SMS: RetryPolicy(5, 1800, timedelta(hours=24)),
    Channel.PUSH: RetryPolicy(5, 1800, timedelta(hours=24)),
}
"""E-mail: RFC 5321, section 4.5.4.1, asks for four to five days; after three the text is seldom of use."""
AMBIGUOUS_PAUSE = timedelta(minutes=30)
"""A server that accepted the message without a response is most likely overloaded, and a repetition is a duplicate."""


def next_attempt_at(job: ClaimedNotification, calls: Sequence[ProviderCall]) -> datetime:
    """Return when the next attempt is due: after the policy's pause, or a longer one that a provider asked for."""
    policy = RETRY_POLICIES[job.channel]
    pause = backoff(job.attempts, base=policy.base, cap=policy.cap)
    requested = max((call.result.retry_after or 0 for call in calls), default=0)
    if is_ambiguous(calls):
        pause = max(pause, AMBIGUOUS_PAUSE)
    return utcnow() + max(pause, timedelta(seconds=min(requested, policy.cap)))


def give_up_at(job: ClaimedNotification) -> datetime:
    """Return when the retries end: a time after the first failure, whatever the number of attempts until then."""
    return job.progress.give_up_at or utcnow() + RETRY_POLICIES[job.channel].lasts


def give_up_reason(job: ClaimedNotification, due_at: datetime) -> str | None:
    """Return why the attempt at `due_at` is not made; None if it is."""
    if due_at >= give_up_at(job):
        return "attempts_exhausted"
    if job.expires_at is not None and due_at >= job.expires_at:
        return "expired"
    return None
