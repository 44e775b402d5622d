"""Change, forget and reset a password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update

from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import fingerprint, record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, serializers
from heidi_common.identity.emails import normalise_email
from heidi_common.identity.models import Session, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.jwt.guards import Caller
from heidi_common.problems import BadRequest, Invalid
from heidi_services.auth import mailer, one_time_tokens
from heidi_services.auth.models import OneTimeToken, Purpose
from heidi_services.auth.response_timing import same_time
from heidi_services.auth.service.sessions import Device

LIFETIME = timedelta(minutes=15)


def forgot(email: str, device: Device) -> None:
    """Send a reset mail if there is such an account; takes the same time and says nothing."""
    try:
        subject = normalise_email(email)
    except ValueError:
        subject = email.casefold()
    login_throttle.count_or_reject(login_throttle.password_reset_limit(device.ip))
    login_throttle.count_or_reject(login_throttle.email_limit(subject, device.ip))
    with same_time(), transaction():
        active = User.is_active & User.deleted_at.is_(None)
        user = db.session.scalar(select(User).where(User.email == subject, active))
        record("authn_password_forgot", target=user.id if user else fingerprint(subject))
        if user is not None:
            token = one_time_tokens.issue(Purpose.RESET_PASSWORD, user, LIFETIME)
            mailer.send("password-reset", user, token=token, link=mailer.link("reset-password", token), minutes=15)


def reset(token: str, new_password: str, now: datetime | None = None) -> None:
    """A new password for a mailed token. All sessions end; the second factor stays."""
    now = now or utcnow()
    user = _holder(token, now)
    if user is None:
        raise _bad_token()
    require_acceptable_password(
        new_password, personal_data=(user.email, user.first_name, user.last_name), field="newPassword"
    )
    hashed = password_hasher().hash(new_password)
    with transaction():
        one_time_tokens.hold_person(token, Purpose.RESET_PASSWORD, now)
        found = one_time_tokens.redeem(token, Purpose.RESET_PASSWORD, now)
        if found is not None:
            # The mail has arrived, so the address is the person's own.
            _set(user.id, hashed, now)
            _verify(user.id, found[1], now)
            accounts.end_sessions(user.id, "password_reset")
            accounts.revoke_access_tokens(user.id)
            record("authn_password_reset", actor=user.id, target=user.id)
            mailer.send("password-changed", user, kind="WARNING")
    if found is None:
        raise _bad_token()
    login_throttle.reset(login_throttle.account_limit(user.email))


def change(caller: Caller, current: str, new_password: str, device: Device, now: datetime | None = None) -> None:
    """A new password for who knows the current one. The other sessions end."""
    now = now or utcnow()
    columns = (*serializers.PUBLIC_COLUMNS, User.password_hash, User.password_changed_at, User.locale)
    user = db.session.execute(select(*columns).where(User.id == caller.id)).one()
    db.session.rollback()
    limit = login_throttle.pair_limit(user.email, device.ip)
    login_throttle.check(limit)
    verdict = password_hasher().verify(user.password_hash, current, before_hash=lambda: login_throttle.check(limit))
    if not verdict.is_correct:
        login_throttle.count(limit)
        record_failure("authn_password_change_fail", actor=caller.id, target=caller.id)
        raise _wrong_password()
    if new_password == current:
        raise Invalid.field("newPassword", "is the password that the account has already", code="password_refused")
    require_acceptable_password(
        new_password, personal_data=(user.email, user.first_name, user.last_name), field="newPassword"
    )
    hashed = password_hasher().hash(new_password)
    with transaction():
        if not _set(user.id, hashed, now, User.password_changed_at.is_not_distinct_from(user.password_changed_at)):
            raise _wrong_password()
        accounts.end_sessions(caller.id, "password_change", keep=caller.session_id)
        record("authn_password_change", actor=caller.id, target=caller.id)
        mailer.send("password-changed", user, kind="WARNING")


def _holder(token: str, now: datetime) -> Any:
    """Whose token it is; read before the hashing, used up after it."""
    columns = (User.id, User.email, User.first_name, User.last_name, User.locale)
    statement = (
        select(*columns)
        .join(OneTimeToken, OneTimeToken.user_id == User.id)
        .where(*one_time_tokens.good(token, Purpose.RESET_PASSWORD, now), OneTimeToken.email == User.email)
        .where(User.is_active, User.deleted_at.is_(None))
        .where(
            OneTimeToken.label.is_distinct_from(one_time_tokens.INVITATION)
            | ~exists().where(Session.user_id == User.id)
        )
    )
    try:
        return db.session.execute(statement).first()
    finally:
        db.session.rollback()


def _set(user_id: UUID, hashed: str, now: datetime, *conditions: ColumnElement[bool]) -> bool:
    """Store a hash; every token that was mailed before is worthless from now on. False: the conditions do not hold."""
    values: dict[str, Any] = {"password_hash": hashed, "password_changed_at": now, "version": User.version + 1}
    mine = update(User).where(User.id == user_id, *conditions).values(values)
    if db.session.scalar(mine.returning(User.id)) is None:
        return False
    one_time_tokens.drop(user_id)
    return True


def _verify(user_id: UUID, email: str, now: datetime) -> None:
    unproven = update(User).where(User.id == user_id, User.email == email, User.email_verified_at.is_(None))
    db.session.execute(unproven.values(email_verified_at=now, updated_at=now))


def _wrong_password() -> Invalid:
    return Invalid.field("currentPassword", "The current password is wrong.", code="wrong_password")


def _bad_token() -> BadRequest:
    record_token_failure("authn_password_reset_fail", "token")
    return BadRequest("The token is wrong, used or too old.", code="invalid_token")
