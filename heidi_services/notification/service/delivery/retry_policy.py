"""When a failed delivery is retried automatically, and how often. (`manual_retry`: by hand.)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from heidi_common.channels.base import RetryPolicy
from heidi_common.channels.registry import CHANNELS
from heidi_common.database.models import utcnow
from heidi_common.messaging.jobs import backoff
from heidi_services.notification.service.delivery.claim import ClaimedNotification
from heidi_services.notification.service.delivery.provider_calls import ProviderCall, is_ambiguous

AMBIGUOUS_PAUSE = timedelta(minutes=30)
"""A server that accepted the message without a response is most likely overloaded, and a repetition is a duplicate."""


def next_attempt_at(job: ClaimedNotification, calls: Sequence[ProviderCall]) -> datetime:
    """Return when the next attempt is due: after the policy's pause, or a longer one that a provider asked for."""
    policy = _policy(job)
    pause = backoff(job.attempts, base=policy.base, cap=policy.cap)
    requested = max((call.result.retry_after or 0 for call in calls), default=0)
    if is_ambiguous(calls):
        pause = max(pause, AMBIGUOUS_PAUSE)
    return utcnow() + max(pause, timedelta(seconds=min(requested, policy.cap)))


def give_up_at(job: ClaimedNotification) -> datetime:
    """Return when the retries end: a time after the first failure, whatever the number of attempts until then."""
    return job.progress.give_up_at or utcnow() + _policy(job).lasts


def give_up_reason(job: ClaimedNotification, due_at: datetime) -> str | None:
    """Return why the attempt at `due_at` is not made; None if it is."""
    if due_at >= give_up_at(job):
        return "attempts_exhausted"
    if job.expires_at is not None and due_at >= job.expires_at:
        return "expired"
    return None


def _policy(job: ClaimedNotification) -> RetryPolicy:
    policy = CHANNELS[job.channel].retry
    assert policy is not None  # messages without providers are not retried
    return policy
