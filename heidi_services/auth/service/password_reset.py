"""Password reset: a mailed token allows one new password. An invitation uses the same token, valid for longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, select

from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, mailer
from heidi_common.identity.email_lookup import by_email
from heidi_common.identity.emails import casefolded, normalize_email
from heidi_common.identity.models import Session, User
from heidi_common.problems import BadRequest
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import OneTimeToken, Purpose
from heidi_services.auth.response_timing import constant_time_response
from heidi_services.auth.service import password, reclaim
from heidi_services.auth.service.session_start import SessionDevice

LIFETIME = timedelta(minutes=15)


def request_reset(email: str, device: SessionDevice) -> None:
    """Send a reset e-mail if an active account has this address. Neither result nor duration reveal whether it does.

    Raises:
        TooMany: Too many requests from this IP address, or for this e-mail address from it.
    """
    try:
        subject = normalize_email(email)
    except ValueError:
        subject = casefolded(email)
    login_throttle.count_or_reject(login_throttle.password_reset_limit(device.ip))
    login_throttle.count_or_reject(login_throttle.email_limit(subject, device.ip))
    with constant_time_response(), transaction():
        active = User.is_active & User.deleted_at.is_(None)
        user = _find_by_email(email, select(User).where(active))
        record("authn_password_forgot", target=user.id if user else fingerprint(subject))
        if user is not None:
            token = one_time_tokens.issue(Purpose.RESET_PASSWORD, user, LIFETIME)
            mailer.send("password-reset", user, token=token, link=mailer.page_link("reset-password", token), minutes=15)


def _find_by_email(email: str, users: Select[User]) -> User | None:
    try:
        return db.session.scalar(by_email(users, email))
    except ValueError:
        return None


def reset_password(token: str, new_password: str, now: datetime | None = None) -> None:
    """Set a new password by a mailed token and end all sessions.

    The second factor remains enabled, unless somebody else may have enrolled it (see `reclaim`).

    Raises:
        BadRequest: The token is not valid.
        Invalid: The new password is not acceptable; the token stays valid.
    """
    now = now or utcnow()
    user = _find_user(token, now)
    if user is None:
        raise _invalid_token()
    password_hash = password.hash_acceptable(new_password, user)
    if not _redeem(token, user, password_hash, now):
        raise _invalid_token()
    login_throttle.reset(login_throttle.account_limit(user.email))


def _redeem(token: str, user: Any, password_hash: str, now: datetime) -> bool:
    with transaction():
        one_time_tokens.lock_user(token, Purpose.RESET_PASSWORD, now)
        redeemed = one_time_tokens.redeem(token, Purpose.RESET_PASSWORD, now)
        if redeemed is None:
            return False
        _, email = redeemed
        password.store_hash(user.id, password_hash, now)
        # The token arrived by e-mail, which proves that the address belongs to the user.
        reclaim.prove_owner(user.id, email, now)
        accounts.end_sessions(user.id, "password_reset")
        accounts.revoke_access_tokens(user.id)
        record("authn_password_reset", actor=user.id, target=user.id)
        mailer.send("password-changed", user, notification_type="WARNING")
    return True


def _find_user(token: str, now: datetime) -> Any:
    """Find the user of a valid token. The connection is returned to the pool before the new password is hashed."""
    columns = (User.id, User.email, User.email_verified_at, User.first_name, User.last_name, User.locale)
    has_signed_in = exists().where(Session.user_id == User.id)
    statement = (
        select(*columns)
        .join(OneTimeToken, OneTimeToken.user_id == User.id)
        .where(*one_time_tokens.valid_conditions(token, Purpose.RESET_PASSWORD, now), OneTimeToken.email == User.email)
        .where(User.is_active, User.deleted_at.is_(None))
        .where(OneTimeToken.label.is_distinct_from(one_time_tokens.INVITATION) | ~has_signed_in)
    )
    try:
        return db.session.execute(statement).first()
    finally:
        db.session.rollback()


def _invalid_token() -> BadRequest:
    record_token_failure("authn_password_reset_fail", "token")
    return BadRequest("The token is invalid, has been used or has expired.", code="invalid_token")
