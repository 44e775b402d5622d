"""Take an account over: its owner proves the address of an account that somebody else may have registered.

The second factor and the phone number that were attached before are removed here; `user.reclaimed` makes the other
services remove devices and integrations. Each service audits what it removes and reports it by e-mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.identity import mailer, second_factor
from heidi_common.identity.address_proof import is_owner_proved
from heidi_common.identity.models import User
from heidi_common.messaging.events import UserReclaimed
from heidi_common.messaging.outbox import emit
from heidi_common.schemas.fields import iso_exact


def prove_owner(user_id: UUID, email: str, now: datetime) -> None:
    """Record that the user has proved to receive e-mails at `email`, within the caller's transaction.

    Call it after the user was locked, when a secret from an e-mail has replaced the password.
    """
    user = db.session.get_one(User, user_id, populate_existing=True)
    if not is_owner_proved(user):
        _remove_attachments(user, attached_until(user, now))
    user.owner_proved = True
    if user.email == email and not user.email_verified:
        user.email_verified_at = now
    db.session.flush()


def attached_until(user: User, now: datetime) -> datetime:
    """Until when things were attached before the address was verified."""
    return now if user.email_verified_at is None else user.email_verified_at - timedelta(microseconds=1)


def _remove_attachments(user: User, until: datetime) -> None:
    emit(
        UserReclaimed(
            id=user.id,
            role=user.role,
            is_active=user.is_active,
            changed=("emailVerified",),
            attached_until=iso_exact(until),
        )
    )
    removed: dict[str, Any] = {}
    if second_factor.remove(user.id, created_until=until):
        removed["secondFactor"] = True
    if user.phone is not None:
        user.phone, removed["phone"] = None, True
    if removed:
        record("user_attachments_removed", actor=user.id, target=user.id, detail=removed)
        mailer.send("attachments-removed", user, notification_type="WARNING", **removed)
