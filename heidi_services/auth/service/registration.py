"""Registration in the two modes of AUTH_REGISTRATION.

`open`: the account is usable immediately. `verified`: the account is usable once its e-mail address is verified, and
only the e-mail reveals whether the address has an account.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, mailer
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.problems import Conflict
from heidi_common.runtime import current_settings
from heidi_services.auth import one_time_tokens
from heidi_services.auth.models import Purpose
from heidi_services.auth.response_timing import constant_time_response
from heidi_services.auth.service import email_verification, session_start
from heidi_services.auth.service.session_start import SessionDevice

PROFILE = ("first_name", "last_name", "locale")


def register_user(body: dict[str, Any], device: SessionDevice) -> dict[str, Any] | None:
    """Register a user.

    Args:
        body: The attributes of `RegisterIn`, and `locale`: the language of the user's e-mails.
        device: Where the request comes from.

    Returns:
        The attributes of `SignedInOut` in open mode. None in verified mode, whether or not the address was available.

    Raises:
        Conflict: The address has an account (open mode only).
        Invalid: The e-mail address or the password is not acceptable.
        TooMany: Too many registrations from this IP address.
    """
    login_throttle.count_or_reject(login_throttle.registration_limit(device.ip))
    email, profile = require_valid_email(body["email"]), {key: body.get(key) for key in PROFILE}
    require_acceptable_password(body["password"], personal_data=(email, profile["first_name"], profile["last_name"]))
    if is_open():
        _reject_registered(email)
        return _register_open(email, password_hasher().hash(body["password"]), profile, device)
    login_throttle.count_or_reject(login_throttle.email_limit(email, device.ip))
    password_hash = password_hasher().hash(body["password"])
    with constant_time_response():
        _register_unverified(email, password_hash, profile)
    return None


def is_open() -> bool:
    """Whether accounts are usable before their e-mail address is verified."""
    return current_settings().auth_registration == "open"


def _reject_registered(email: str) -> None:
    """Avoid hashing for an address that has an account. The unique index decides concurrent registrations."""
    registered = db.session.scalar(select(User.id).where(User.email == email, User.deleted_at.is_(None)))
    db.session.rollback()
    if registered:
        raise _email_taken(email)


def _register_open(email: str, password_hash: str, profile: dict[str, Any], device: SessionDevice) -> dict[str, Any]:
    try:
        with transaction():
            user = _create(email, password_hash, profile)
            email_verification.send_verification(user)
            return session_start.start_session(user, device)
    except Conflict:
        raise _email_taken(email) from None


def _email_taken(email: str) -> Conflict:
    record_failure("user_registration_fail", target=fingerprint(email), detail={"reason": "email_taken"})
    return accounts.email_taken("email")


def _register_unverified(email: str, password_hash: str, profile: dict[str, Any]) -> None:
    """Create the account, or notify its owner. The latest registration replaces earlier unverified ones."""
    with transaction():
        statement = select(User).where(User.email == email, User.deleted_at.is_(None)).with_for_update()
        user = db.session.scalar(statement)
        if user is None:
            user = _create(email, password_hash, profile)
        elif user.email_verified_at is not None or not user.is_active:
            mailer.send("email-taken", user)
            record("user_registration_fail", target=fingerprint(email), outcome="failure")
            return
        else:
            _replace_registration(user, password_hash, profile)
        one_time_tokens.delete_for_user(user.id, Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD)
        email_verification.send_verification(user)


def _create(email: str, password_hash: str, profile: dict[str, Any]) -> User:
    user = accounts.create_user(email=email, password_hash=password_hash, **profile)
    record("user_created", actor=user.id, target=user.id)
    return user


def _replace_registration(user: User, password_hash: str, profile: dict[str, Any]) -> None:
    values = {"password_hash": password_hash, "password_changed_at": utcnow(), "version": User.version + 1, **profile}
    db.session.execute(update(User).where(User.id == user.id).values(values))
