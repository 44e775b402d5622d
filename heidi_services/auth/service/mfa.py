"""The second factor: enrol, confirm, remove, and the second half of a sign-in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, login_throttle
from heidi_common.identity.models import User
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Conflict, Invalid, NotFound, Unauthorized
from heidi_services.auth import mailer, one_time_tokens, totp
from heidi_services.auth.models import OneTimeToken, Purpose, RecoveryCode, Totp
from heidi_services.auth.service import sessions, totp_secrets
from heidi_services.auth.service.sessions import Device

CHALLENGE_SECONDS = 300
TRIES = 5


def challenge(user: Any, device: Device) -> dict[str, Any]:
    """The password was right: ask for the code, within the caller's transaction."""
    lifetime = timedelta(seconds=CHALLENGE_SECONDS)
    token = one_time_tokens.issue(Purpose.SECOND_FACTOR, user, lifetime, label=device.label)
    record("authn_mfa_required", actor=user.id)
    return {"mfa_required": True, "mfa_token": token}


def verify(token: str, code: str, device: Device, now: datetime | None = None) -> dict[str, Any]:
    """Tokens for a challenge and its code; each try is counted before it is looked at."""
    now = now or utcnow()
    login_throttle.check(login_throttle.address_limit(device.ip))
    found = _count_try(token, now)
    if found is None:
        login_throttle.count(login_throttle.address_limit(device.ip))
        record_failure("authn_mfa_fail", detail={"reason": "challenge"})
        raise Unauthorized("The challenge has ended: sign in again.", code="invalid_mfa_token")
    limit = login_throttle.second_factor_limit(found.user_id)
    login_throttle.check(limit)
    with transaction():
        answer = _enter(found, code, device, now)
    if answer is not None:
        return answer
    login_throttle.count(limit, login_throttle.address_limit(device.ip))
    record_failure("authn_mfa_fail", actor=found.user_id, detail={"reason": "code"})
    raise Unauthorized("The code is wrong.", code="invalid_code")


def _enter(found: OneTimeToken, code: str, device: Device, now: datetime) -> dict[str, Any] | None:
    # Held still: a deactivation is either seen here or ends the new session.
    db.session.execute(select(User.id).where(User.id == found.user_id).with_for_update(read=True))
    user = accounts.find_public(found.user_id, User.token_version, User.locale)
    if user is None or not user.is_active or not _accept(found.user_id, code, now):
        return None
    if not one_time_tokens.use(found.id, now):
        return None
    return sessions.start(user, Device(device.ip, device.user_agent, found.label))


def _count_try(token: str, now: datetime) -> OneTimeToken | None:
    with transaction():
        statement = (
            update(OneTimeToken)
            .where(*one_time_tokens.good(token, Purpose.SECOND_FACTOR, now), OneTimeToken.tries < TRIES)
            .values(tries=OneTimeToken.tries + 1)
            .returning(OneTimeToken)
        )
        found = db.session.scalar(statement)
        if found is not None:
            db.session.expunge(found)
    return found


def enrol(caller: Caller) -> dict[str, Any]:
    """A new secret, waiting to be confirmed; 409 when a second factor is in use already."""
    with transaction():
        user = accounts.find_public(caller.id)
        if user is None:
            raise NotFound("There is no such account.")
        secret = totp.new_secret()
        fresh = {"secret": totp_secrets.encrypt(secret, caller.id), "created_at": utcnow(), "last_step": 0}
        statement = (
            upsert(Totp)
            .values(user_id=caller.id, **fresh)
            .on_conflict_do_update(index_elements=[Totp.user_id], set_=fresh, where=Totp.confirmed_at.is_(None))
            .returning(Totp.user_id)
        )
        if db.session.scalar(statement) is None:
            raise Conflict("A second factor is in use already.", code="mfa_enabled")
    return {"secret": secret, "otpauth_uri": totp.uri(secret, user.email, "Heidi")}


def confirm(caller: Caller, code: str, now: datetime | None = None) -> dict[str, Any]:
    """The first code proves that the app has the secret; from now on it is asked for. Shows the recovery codes once."""
    now = now or utcnow()
    limit = login_throttle.second_factor_limit(caller.id)
    login_throttle.check(limit)
    with transaction():
        factor = db.session.get(Totp, caller.id, with_for_update=True)
        if factor is None or factor.confirmed_at is not None:
            raise Conflict("There is no second factor waiting to be confirmed.", code="mfa_not_pending")
        step = _step(factor, code, now)
        codes = totp.new_recovery_codes()
        if step is not None:
            factor.confirmed_at, factor.last_step = now, step
            _store_codes(caller.id, codes)
            record("authn_mfa_enabled", actor=caller.id)
    if step is None:
        login_throttle.count(limit)
        record_failure("authn_mfa_fail", actor=caller.id, detail={"reason": "confirmation"})
        raise Invalid.field("code", "The code is wrong.", code="invalid_code")
    return {"recovery_codes": codes}


def remove(caller: Caller) -> None:
    with transaction():
        removed = db.session.scalar(delete(Totp).where(Totp.user_id == caller.id).returning(Totp.user_id))
        if removed is None:
            raise NotFound("There is no second factor.")
        db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == caller.id))
        record("authn_mfa_disabled", actor=caller.id)
        mailer.send("mfa-removed", db.session.get_one(User, caller.id), kind="WARNING")


def _store_codes(user_id: UUID, codes: list[str]) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"id": uuid7(), "user_id": user_id, "code_hash": totp.hash_recovery_code(code)} for code in codes]
    db.session.execute(insert(RecoveryCode), rows)


def _accept(user_id: UUID, code: str, now: datetime) -> bool:
    factor = db.session.get(Totp, user_id)
    if factor is None or factor.confirmed_at is None:
        return False
    step = _step(factor, code.strip(), now)
    return _use_step(user_id, step) if step is not None else _use_recovery_code(user_id, code, now)


def _use_step(user_id: UUID, step: int) -> bool:
    """A code works once, also when two come at the same time."""
    newer = update(Totp).where(Totp.user_id == user_id, Totp.last_step < step).values(last_step=step)
    return db.session.scalar(newer.returning(Totp.user_id)) is not None


def _use_recovery_code(user_id: UUID, code: str, now: datetime) -> bool:
    mine = RecoveryCode.user_id == user_id, RecoveryCode.code_hash == totp.hash_recovery_code(code)
    unused = update(RecoveryCode).where(*mine, RecoveryCode.used_at.is_(None)).values(used_at=now)
    return db.session.scalar(unused.returning(RecoveryCode.id)) is not None


def _step(factor: Totp, code: str, now: datetime) -> int | None:
    """The time step of a right code."""
    secret = totp_secrets.decrypt(factor)
    return None if secret is None else totp.matching_step(secret, code, now)
