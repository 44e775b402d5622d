"""Enrollment of a second factor: enroll, confirm, remove."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle, mailer, second_factor
from heidi_common.identity.address_proof import require_verified_email
from heidi_common.identity.models import RecoveryCode, Totp, User
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Conflict, Invalid, NotFound
from heidi_services.auth import totp
from heidi_services.auth.service import totp_secrets

ISSUER = "Heidi"
"""The name that authenticator apps show beside the e-mail address."""


def enroll(caller: Caller) -> dict[str, Any]:
    """Create a secret that awaits confirmation; it replaces an earlier one that was not confirmed.

    Returns:
        The attributes of `EnrollmentOut`.

    Raises:
        Conflict: A second factor is enabled already.
        Forbidden: `email_not_verified`.
    """
    require_verified_email(caller.id)
    with transaction():
        user = accounts.find_public(caller.id)
        if user is None:
            raise NotFound("Account not found.")
        secret = totp.generate_secret()
        if not _store_secret(caller.id, totp_secrets.encrypt(secret, caller.id)):
            raise Conflict("A second factor is already enabled.", code="mfa_enabled")
    return {"secret": secret, "otpauth_uri": totp.provisioning_uri(secret, user.email, ISSUER)}


def confirm(caller: Caller, code: str, now: datetime | None = None) -> dict[str, Any]:
    """Enable the second factor by the app's first code, which proves that the app has the secret.

    Returns:
        The attributes of `RecoveryOut`: the recovery codes, which cannot be read again.

    Raises:
        Conflict: No second factor is awaiting confirmation.
        Invalid: The code is incorrect.
        TooMany: Too many wrong codes.
        Forbidden: `email_not_verified`.
    """
    require_verified_email(caller.id)
    now = now or utcnow()
    limit = login_throttle.second_factor_limit(caller.id)
    login_throttle.check(limit)
    with transaction():
        factor = db.session.get(Totp, caller.id, with_for_update=True)
        if factor is None or factor.confirmed_at is not None:
            raise Conflict("No second factor is awaiting confirmation.", code="mfa_not_pending")
        step = totp_secrets.matching_step(factor, code, now)
        codes = totp.generate_recovery_codes()
        if step is not None:
            factor.confirmed_at, factor.last_step = now, step
            _store_recovery_codes(caller.id, codes)
            record("authn_mfa_enabled", actor=caller.id)
    if step is None:
        login_throttle.count(limit)
        record_failure("authn_mfa_fail", actor=caller.id, detail={"reason": "confirmation"})
        raise Invalid.field("code", "The code is incorrect.", code="invalid_code")
    return {"recovery_codes": codes}


def regenerate_recovery_codes(caller: Caller) -> dict[str, Any]:
    """Replace the recovery codes; the old ones do not work any more.

    Returns:
        The attributes of `RecoveryOut`: the new codes, which cannot be read again.

    Raises:
        NotFound: No second factor is enabled.
    """
    codes = totp.generate_recovery_codes()
    with transaction():
        factor = db.session.get(Totp, caller.id, with_for_update=True)
        if factor is None or factor.confirmed_at is None:
            raise NotFound("Second factor not found.")
        _store_recovery_codes(caller.id, codes)
        record("authn_recovery_codes_created", actor=caller.id)
        mailer.send("recovery-codes-replaced", db.session.get_one(User, caller.id), notification_type="WARNING")
    return {"recovery_codes": codes}


def remove(caller: Caller) -> None:
    """Remove the second factor and its recovery codes, and notify the user by e-mail."""
    with transaction():
        if not second_factor.remove(caller.id):
            raise NotFound("Second factor not found.")
        record("authn_mfa_disabled", actor=caller.id)
        mailer.send("mfa-removed", db.session.get_one(User, caller.id), notification_type="WARNING")


def _store_secret(user_id: UUID, encrypted: str) -> bool:
    """Insert the secret, or replace an unconfirmed one; False if a confirmed one exists."""
    values = {"secret": encrypted, "created_at": utcnow(), "last_step": 0}
    statement = (
        upsert(Totp)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=[Totp.user_id], set_=values, where=Totp.confirmed_at.is_(None))
        .returning(Totp.user_id)
    )
    return db.session.scalar(statement) is not None


def _store_recovery_codes(user_id: UUID, codes: list[str]) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"id": uuid7(), "user_id": user_id, "code_hash": totp.hash_recovery_code(code)} for code in codes]
    db.session.execute(insert(RecoveryCode), rows)
