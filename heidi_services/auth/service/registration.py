"""Registration: open (an account at once, with tokens) or verified (the e-mail tells, the answer never)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from heidi_common.audit.trail import fingerprint, record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.problems import Conflict
from heidi_common.runtime import current_settings
from heidi_services.auth import mailer, one_time_tokens
from heidi_services.auth.models import Purpose
from heidi_services.auth.response_timing import same_time
from heidi_services.auth.service import email_verification, sessions
from heidi_services.auth.service.sessions import Device

PROFILE = ("first_name", "last_name", "locale")


def is_open() -> bool:
    return current_settings().auth_registration == "open"


def register(body: dict[str, Any], device: Device) -> dict[str, Any] | None:
    """The answer of a sign-in; None in verified mode, whether or not the e-mail is free."""
    login_throttle.count_or_reject(login_throttle.registration_limit(device.ip))
    email, profile = require_valid_email(body["email"]), {key: body.get(key) for key in PROFILE}
    require_acceptable_password(body["password"], personal_data=(email, profile["first_name"], profile["last_name"]))
    if is_open():
        _refuse_taken(email)
        return _open(email, password_hasher().hash(body["password"]), profile, device)
    login_throttle.count_or_reject(login_throttle.email_limit(email, device.ip))
    hashed = password_hasher().hash(body["password"])
    with same_time():
        _verified(email, hashed, profile)
    return None


def _refuse_taken(email: str) -> None:
    """Spare the hashing where the answer is known; the unique index decides races."""
    taken = db.session.scalar(select(User.id).where(User.email == email, User.deleted_at.is_(None)))
    db.session.rollback()
    if taken:
        raise _taken(email)


def _open(email: str, hashed: str, profile: dict[str, Any], device: Device) -> dict[str, Any]:
    try:
        with transaction():
            user = accounts.create_user(email=email, password_hash=hashed, **profile)
            record("user_created", actor=user.id, target=user.id)
            email_verification.ask(user)
            return sessions.start(user, device)
    except Conflict:
        raise _taken(email) from None


def _taken(email: str) -> Conflict:
    record_failure("user_registration_fail", target=fingerprint(email), detail={"reason": "email_taken"})
    return accounts.email_taken("email")


def _verified(email: str, hashed: str, profile: dict[str, Any]) -> None:
    """Create, or tell the owner. Whoever registers again before verifying replaces what was typed before."""
    with transaction():
        statement = select(User).where(User.email == email, User.deleted_at.is_(None)).with_for_update()
        user = db.session.scalar(statement)
        if user is None:
            user = accounts.create_user(email=email, password_hash=hashed, **profile)
            record("user_created", actor=user.id, target=user.id)
        elif user.email_verified_at is not None or not user.is_active:
            mailer.send("email-taken", user)
            record("user_registration_fail", target=fingerprint(email), outcome="failure")
            return
        else:
            values = {"password_hash": hashed, "password_changed_at": utcnow(), "version": User.version + 1, **profile}
            db.session.execute(update(User).where(User.id == user.id).values(values))
        one_time_tokens.drop(user.id, Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD)
        email_verification.ask(user)
