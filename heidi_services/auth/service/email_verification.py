"""Proving that an e-mail address belongs to the account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle
from heidi_common.identity.models import User
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import BadRequest
from heidi_services.auth import mailer, one_time_tokens
from heidi_services.auth.models import Purpose

LIFETIME = timedelta(hours=24)


def ask(user: Any) -> None:
    """Send the mail, within the caller's transaction."""
    token = one_time_tokens.issue(Purpose.VERIFY_EMAIL, user, LIFETIME)
    mailer.send("verify-email", user, token=token, link=mailer.link("verify-email", token), hours=24)


def resend(caller: Caller, address: str) -> None:
    """Another mail, when the address is not verified yet."""
    with transaction():
        user = db.session.scalar(select(User).where(User.id == caller.id, User.email_verified_at.is_(None)))
        if user is None:
            return
        login_throttle.count_or_reject(login_throttle.email_limit(user.email, address))
        one_time_tokens.drop(user.id, Purpose.VERIFY_EMAIL)
        ask(user)


def verify(token: str, now: datetime | None = None) -> None:
    """Use a token up; it verifies the address it was sent to, not one that was set later."""
    now = now or utcnow()
    with transaction():
        one_time_tokens.hold_person(token, Purpose.VERIFY_EMAIL, now)
        found = one_time_tokens.redeem(token, Purpose.VERIFY_EMAIL, now)
        if found is not None and _mark(*found, now):
            return
    record_token_failure("user_email_verify_fail", "token")
    raise BadRequest("The token is wrong, used or too old.", code="invalid_token")


def _mark(user_id: Any, email: str, now: datetime) -> bool:
    mine = update(User).where(User.id == user_id, User.email == email, User.deleted_at.is_(None))
    fresh = mine.values(email_verified_at=now, version=User.version + 1)
    row = db.session.execute(fresh.returning(User.id, User.role, User.is_active)).first()
    if row is None:
        return False
    emit(UserUpdated(id=row.id, role=row.role, is_active=row.is_active, changed=("emailVerified",)))
    record("user_email_verified", actor=row.id, target=row.id)
    return True
