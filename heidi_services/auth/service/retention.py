"""What auth forgets: secrets of people who are gone, tokens and sessions whose time has passed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.identity.models import Session, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import OneTimeToken, RecoveryCode, Totp

KEEP_TOKENS = timedelta(days=1)
KEEP_SESSIONS = timedelta(days=90)
"""Ended sessions stay for a while: they tell which devices and addresses are known."""


def forget_person(event: OutboxEvent) -> None:
    """A deleted person's mailed tokens are worthless; an erased one's second factor goes, too."""
    user_id = UUID(event.subject)
    user = db.session.get(User, user_id)
    if user is not None and user.deleted_at is None:
        return  # restored meanwhile
    with transaction():
        one_time_tokens.drop(user_id)
        if user is None or user.erased_at is not None:
            for table in (Totp, RecoveryCode):
                db.session.execute(delete(table).where(table.user_id == user_id))


def prune() -> None:
    """Delete what nobody can use any more."""
    now = utcnow()
    ended = or_(Session.revoked_at < now - KEEP_SESSIONS, Session.absolute_expires_at < now - KEEP_SESSIONS)
    delete_in_batches(OneTimeToken, OneTimeToken.expires_at < now - KEEP_TOKENS)
    delete_in_batches(Session, ended)
