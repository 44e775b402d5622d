"""Retention: expired tokens and ended sessions are deleted."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_

from heidi_common.database.models import utcnow
from heidi_common.database.transactions import delete_in_batches
from heidi_common.identity.models import Session
from heidi_services.auth.models import OneTimeToken

TOKEN_RETENTION = timedelta(days=1)
SESSION_RETENTION = timedelta(days=90)
"""Sign-in reads ended sessions to recognise the devices and IP addresses that a user has used before."""


def delete_expired() -> None:
    """Delete tokens and sessions that are past their retention period."""
    now = utcnow()
    ended_before = now - SESSION_RETENTION
    delete_in_batches(OneTimeToken, OneTimeToken.expires_at < now - TOKEN_RETENTION)
    delete_in_batches(Session, or_(Session.revoked_at < ended_before, Session.absolute_expires_at < ended_before))
