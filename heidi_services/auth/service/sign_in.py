"""Sign-in with e-mail address and password. Every rejection has the same response and takes the same time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, select, update

from heidi_common.audit.trail import record_failure
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import emails, serializers
from heidi_common.identity.email_lookup import has_former_email
from heidi_common.identity.login_throttle import SignInThrottle, ThrottleStatus
from heidi_common.identity.models import Session, Totp, User
from heidi_common.identity.password_hashing import PasswordCheck, password_hasher
from heidi_common.identity.serializers import AnyRow
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_common.problems import Unauthorized
from heidi_services.auth.service import mfa_challenge, registration, session_start
from heidi_services.auth.service.session_start import SessionDevice

UNKNOWN_USER = UUID(int=0)
_COLUMNS = (
    *serializers.PUBLIC_COLUMNS,
    User.password_hash,
    User.password_changed_at,
    User.token_version,
    User.locale,
    User.owner_proved,
)
_HAS_TOTP = exists().where(Totp.user_id == User.id, Totp.confirmed_at.is_not(None)).label("has_totp")
_USERS = select(*_COLUMNS, _HAS_TOTP).where(User.deleted_at.is_(None))
_FIND = CompiledStatement(_USERS.where(User.email == bindparam("subject")), prepared=True)
_FIND_FORMER = CompiledStatement(_USERS.where(has_former_email(bindparam("subject"))))
_LOCK = CompiledStatement(
    select(User.id)
    .where(User.id == bindparam("user_id"), User.is_active, User.deleted_at.is_(None))
    .where(User.password_changed_at.is_not_distinct_from(bindparam("changed_at")))
    .with_for_update(read=True),
    prepared=True,
)


def sign_in(email: str, password: str, device: SessionDevice) -> dict[str, Any]:
    """Sign a user in.

    Returns:
        The attributes of `SignedInOut`: the user and their tokens, or a challenge for the second factor.

    Raises:
        Unauthorized: `invalid_credentials`, for every reason.
        TooMany: Too many failures of this account from this IP address, or of this address.
        Unavailable: All slots for hashing are in use.
    """
    subject = _subject(email)
    throttle = SignInThrottle(subject, device.ip)
    # Read on a connection that returns to the pool before hashing begins.
    user = _find(subject, emails.former_form(email))
    # Verified before anything else is decided, so that all rejections take the same time.
    check = _verify_password(user, password, throttle)
    # Queried even if the password is wrong: an extra statement would reveal that it is right.
    locked_out = _is_locked_out(check.status, user, device)
    if locked_out or not (check.is_correct and user and _can_sign_in(user)):
        throttle.count_failure()
        raise _rejection(subject)
    if check.needs_rehash:
        _replace_hash(user, password)
    if check.status.failures:
        throttle.reset_failures()
    with transaction():
        if _lock_unchanged(user):
            return _complete(user, device)
    raise _rejection(subject)


def _find(subject: str, former: str | None) -> AnyRow | None:
    """Find a user. Both forms of an address are queried in any case, so that the time reveals nothing."""
    former_user = _FIND_FORMER.first(subject=former) if former is not None else None
    return _FIND.first(subject=subject) or former_user


def _verify_password(user: AnyRow | None, password: str, throttle: SignInThrottle) -> PasswordCheck[ThrottleStatus]:
    """Check the limits again after waiting for a slot, so that a burst of requests cannot exceed them meanwhile."""
    return password_hasher().verify(user.password_hash if user else None, password, before_hash=throttle.recheck)


def _is_locked_out(status: ThrottleStatus, user: AnyRow | None, device: SessionDevice) -> bool:
    """While an account is being guessed at, only devices whose IP address it has used before can sign in."""
    return status.soft_limit_reached and _is_unknown_device(user.id if user else UNKNOWN_USER, device)


def _is_unknown_device(user_id: UUID, device: SessionDevice) -> bool:
    known = select(exists().where(Session.user_id == user_id, Session.ip == device.ip))
    return not db.session.scalar(known)


def _can_sign_in(user: AnyRow) -> bool:
    return bool(user.is_active and (user.email_verified_at is not None or registration.is_open()))


def _lock_unchanged(user: AnyRow) -> bool:
    """Lock the user: a concurrent password change or deactivation is either seen here, or ends the new session."""
    return _LOCK.first(user_id=user.id, changed_at=user.password_changed_at) is not None


def _complete(user: AnyRow, device: SessionDevice) -> dict[str, Any]:
    if user.owner_proved is False and user.email_verified_at is not None:
        _mark_owner_proved(user.id)
    return mfa_challenge.create_challenge(user, device) if user.has_totp else session_start.start_session(user, device)


def _mark_owner_proved(user_id: UUID) -> None:
    """Record that the user of an account whose address was verified by a link knows the password."""
    statement = update(User).where(User.id == user_id).values(owner_proved=True, updated_at=User.updated_at)
    db.session.execute(statement)


def _rejection(subject: str) -> Unauthorized:
    record_failure("authn_login_fail", email=subject)
    count(series.SIGN_INS, series.FAILED)
    return Unauthorized("Incorrect e-mail address or password.", code="invalid_credentials")


def _replace_hash(user: AnyRow, password: str) -> None:
    """Replace a hash of an outdated kind, unless the password was changed since it was read."""
    password_hash = password_hasher().hash(password)
    with transaction():
        statement = update(User).where(User.id == user.id, User.password_hash == user.password_hash)
        db.session.execute(statement.values(password_hash=password_hash, updated_at=User.updated_at))


def _subject(email: str) -> str:
    """What is looked up and counted: the normalized address, or the text as sent if it is not an address."""
    try:
        return emails.normalize_email(email)
    except ValueError:
        return emails.casefolded(email)
