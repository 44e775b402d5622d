"""Passwords: change one, and store a new one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, mailer, serializers
from heidi_common.identity.models import User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Invalid
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import Purpose
from heidi_services.auth.service.session_start import SessionDevice

_COLUMNS = (*serializers.PUBLIC_COLUMNS, User.password_hash, User.password_changed_at, User.locale)


_ENDED_BY_NEW_PASSWORD = tuple(purpose for purpose in Purpose if purpose is not Purpose.REVERT_EMAIL)


def change_password(
    caller: Caller, current: str, new_password: str, device: SessionDevice, now: datetime | None = None
) -> None:
    """Change the caller's password and end their other sessions.

    Raises:
        Invalid: The current password is incorrect, or the new one is not acceptable.
        TooMany: Too many failures from this IP address.
    """
    now = now or utcnow()
    user = db.session.execute(select(*_COLUMNS).where(User.id == caller.id)).one()
    db.session.rollback()
    require_password(user, current, device, "currentPassword")
    if new_password == current:
        raise Invalid.field("newPassword", "Must differ from the current password.", code="password_refused")
    password_hash = hash_acceptable(new_password, user)
    with transaction():
        unchanged = User.password_changed_at.is_not_distinct_from(user.password_changed_at)
        if not store_hash(user.id, password_hash, now, unchanged):
            raise _wrong_password()
        accounts.end_sessions(caller.id, "password_change", keep=caller.session_id)
        record("authn_password_change", actor=caller.id, target=caller.id)
        mailer.send("password-changed", user, notification_type="WARNING")


def hash_acceptable(new_password: str, user: Any) -> str:
    """Check a new password against the policy and hash it.

    Raises:
        Invalid: It is too short, common, or derived from the user's own e-mail address or name.
    """
    own = (user.email, user.first_name, user.last_name)
    require_acceptable_password(new_password, personal_data=own, field="newPassword")
    return password_hasher().hash(new_password)


def store_hash(user_id: UUID, password_hash: str, now: datetime, *conditions: ColumnElement[bool]) -> bool:
    """Store a new hash and delete the user's one-time tokens, within the caller's transaction.

    The link that reverts a change of the address stays valid: a thief may have changed both address and password.

    Returns:
        False if the user does not meet the conditions; then nothing is changed.
    """
    values: dict[str, Any] = {
        "password_hash": password_hash,
        "password_changed_at": now,
        "version": User.version + 1,
    }
    statement = update(User).where(User.id == user_id, *conditions).values(values)
    if db.session.scalar(statement.returning(User.id)) is None:
        return False
    one_time_tokens.delete_for_user(user_id, *_ENDED_BY_NEW_PASSWORD)
    return True


def require_password(user: Any, password: str, device: SessionDevice, field: str) -> None:
    """Require the user's password, so that a stolen access token does not suffice.

    Raises:
        Invalid: It is incorrect. The error names `field`.
        TooMany: Too many failures from this IP address.
    """
    limit = login_throttle.pair_limit(user.email, device.ip)
    recheck = partial(login_throttle.check, limit)
    recheck()
    if not password_hasher().verify(user.password_hash, password, before_hash=recheck).is_correct:
        login_throttle.count(limit)
        record_failure("authn_password_change_fail", actor=user.id, target=user.id)
        raise _wrong_password(field)


def _wrong_password(field: str = "currentPassword") -> Invalid:
    return Invalid.field(field, "The current password is incorrect.", code="wrong_password")
