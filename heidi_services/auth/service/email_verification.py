"""Verification of e-mail addresses: a mailed token proves that the address belongs to the user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle, mailer
from heidi_common.identity.address_proof import proved_before_verification
from heidi_common.identity.models import User
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import BadRequest
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import Purpose

LIFETIME = timedelta(hours=24)


def send_verification(user: Any) -> None:
    """Request the e-mail with the token, within the caller's transaction."""
    token = one_time_tokens.issue(Purpose.VERIFY_EMAIL, user, LIFETIME)
    mailer.send("verify-email", user, token=token, link=mailer.page_link("verify-email", token), hours=24)


def resend_verification(caller: Caller, address: str) -> None:
    """Send a new token and delete the earlier ones; nothing happens if the e-mail address is verified already.

    Args:
        caller: The user.
        address: IP address of the request, for throttling.
    """
    with transaction():
        user = db.session.scalar(select(User).where(User.id == caller.id, User.email_verified_at.is_(None)))
        if user is None:
            return
        login_throttle.count_or_reject(login_throttle.email_limit(user.email, address))
        one_time_tokens.delete_for_user(user.id, Purpose.VERIFY_EMAIL)
        send_verification(user)


def verify_email(token: str, signed_in: UUID | None = None, now: datetime | None = None) -> None:
    """Redeem a token. It verifies the address that it was sent to, not one that was set later.

    Args:
        token: The token from the e-mail.
        signed_in: The user who sends the token. If it is that of the account, they have its password, too, so they
            have registered it themselves.
        now: Default: the current time.

    Raises:
        BadRequest: The token is not valid, or the user has another address now.
    """
    now = now or utcnow()
    with transaction():
        one_time_tokens.lock_user(token, Purpose.VERIFY_EMAIL, now)
        redeemed = one_time_tokens.redeem(token, Purpose.VERIFY_EMAIL, now)
        if redeemed is not None and _mark_verified(*redeemed, signed_in, now):
            return
    record_token_failure("user_email_verify_fail", "token")
    raise BadRequest("The token is invalid, has been used or has expired.", code="invalid_token")


def _mark_verified(user_id: UUID, email: str, signed_in: UUID | None, now: datetime) -> bool:
    proved = True if signed_in == user_id else proved_before_verification()
    statement = (
        update(User)
        .where(User.id == user_id, User.email == email, User.deleted_at.is_(None))
        .values(email_verified_at=now, owner_proved=proved, version=User.version + 1)
        .returning(User.id, User.role, User.is_active)
    )
    row = db.session.execute(statement).first()
    if row is None:
        return False
    emit(UserUpdated(id=row.id, role=row.role, is_active=row.is_active, changed=("emailVerified",)))
    record("user_email_verified", actor=row.id, target=row.id)
    return True
