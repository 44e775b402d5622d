"""Retention: expired tokens, ended sessions and expired counters of throttles are deleted."""

from __future__ import annotations

from datetime import timedelta

from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_common.identity.models import SESSION_END, Session, ThrottleCounter
from heidi_services.auth.models import OneTimeToken

TOKEN_RETENTION = timedelta(days=1)
SESSION_RETENTION = timedelta(days=90)
"""Sign-in reads ended sessions to recognize the devices and IP addresses that a user has used before."""


def delete_expired() -> bool:
    """Delete a part of the rows that are past their retention period; returns whether some are left."""
    now = utcnow()
    more_tokens = delete_in_batches(OneTimeToken, OneTimeToken.expires_at, now - TOKEN_RETENTION)
    more_counters = delete_in_batches(ThrottleCounter, ThrottleCounter.expires_at, now)
    return delete_in_batches(Session, SESSION_END, now - SESSION_RETENTION) or more_tokens or more_counters
