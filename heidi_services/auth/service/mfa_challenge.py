"""The second step of a sign-in: a challenge, answered by a code of the app or by a recovery code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.login_throttle import SecondFactorThrottle
from heidi_common.identity.models import RecoveryCode, Totp, User
from heidi_common.metrics import series
from heidi_common.metrics.time_series import count
from heidi_common.problems import Unauthorized
from heidi_services.auth import one_time_tokens, totp
from heidi_services.auth.models import OneTimeToken, Purpose
from heidi_services.auth.service import session_start, totp_secrets
from heidi_services.auth.service.session_start import SessionDevice

LIFETIME = timedelta(minutes=5)
MAX_ATTEMPTS = 5


class CodeAlreadyUsed(Unauthorized):
    """The code belongs to the user's app, but it or a later one has been used."""

    code = "code_already_used"


def create_challenge(user: Any, device: SessionDevice) -> dict[str, Any]:
    """Create a challenge for a user whose password was correct, within the caller's transaction."""
    token = one_time_tokens.issue(Purpose.SECOND_FACTOR, user, LIFETIME, label=device.label)
    record("authn_mfa_required", actor=user.id)
    return {"mfa_required": True, "mfa_token": token}


def answer_challenge(token: str, code: str, device: SessionDevice, now: datetime | None = None) -> dict[str, Any]:
    """Complete a sign-in. Each attempt is counted before its code is checked.

    Args:
        token: The token of the challenge.
        code: A code of the app, or a recovery code.
        device: Where the request comes from; the session's label is that of the first step.
        now: Default: the current time.

    Returns:
        The attributes of `SignedInOut`: the user and their tokens.

    Raises:
        Unauthorized: `invalid_mfa_token` or `invalid_code`; `code_already_used`, which does not count as an attempt.
        TooMany: Too many wrong codes of this user, or too many failures from this IP address.
    """
    now, throttle = now or utcnow(), SecondFactorThrottle(device.ip)
    challenge = _count_attempt(token, now)
    if challenge is None:
        throttle.count_failure()
        record_failure("authn_mfa_fail", detail={"reason": "challenge"})
        count(series.SIGN_INS, series.FAILED)
        raise Unauthorized("The challenge has expired. Sign in again.", code="invalid_mfa_token")
    throttle.add_user(challenge.user_id)
    try:
        with transaction():
            signed_in = _start_session(challenge, code, device, now)
    except CodeAlreadyUsed:
        _uncount_attempt(challenge.id)
        raise
    if signed_in is not None:
        return signed_in
    throttle.count_failure()
    record_failure("authn_mfa_fail", actor=challenge.user_id, detail={"reason": "code"})
    count(series.SIGN_INS, series.FAILED)
    raise Unauthorized("The code is incorrect.", code="invalid_code")


def _count_attempt(token: str, now: datetime) -> OneTimeToken | None:
    with transaction():
        statement = (
            update(OneTimeToken)
            .where(*one_time_tokens.valid_conditions(token, Purpose.SECOND_FACTOR, now))
            .where(OneTimeToken.tries < MAX_ATTEMPTS)
            .values(tries=OneTimeToken.tries + 1)
            .returning(OneTimeToken)
        )
        challenge = db.session.scalar(statement)
        if challenge is not None:
            db.session.expunge(challenge)
    return challenge


def _uncount_attempt(challenge_id: UUID) -> None:
    with transaction():
        statement = update(OneTimeToken).where(OneTimeToken.id == challenge_id, OneTimeToken.tries > 0)
        db.session.execute(statement.values(tries=OneTimeToken.tries - 1))


def _start_session(challenge: OneTimeToken, code: str, device: SessionDevice, now: datetime) -> dict[str, Any] | None:
    # Locks the user: a concurrent deactivation is either seen here, or ends the new session.
    db.session.execute(select(User.id).where(User.id == challenge.user_id).with_for_update(read=True))
    user = accounts.find_public(challenge.user_id, User.token_version, User.locale)
    if user is None or not user.is_active or not _use_code(challenge.user_id, code, now):
        return None
    if not one_time_tokens.mark_used(challenge.id, now):
        return None
    return session_start.start_session(user, SessionDevice(device.ip, device.user_agent, challenge.label))


def _use_code(user_id: UUID, code: str, now: datetime) -> bool:
    factor = db.session.get(Totp, user_id)
    if factor is None or factor.confirmed_at is None:
        return False
    step = totp_secrets.matching_step(factor, code, now)
    if step is None:
        return _use_recovery_code(user_id, code, now)
    if not _use_step(user_id, step):
        raise CodeAlreadyUsed(
            "This code has been used already. Wait for the next code of your app, then enter that one."
        )
    return True


def _use_step(user_id: UUID, step: int) -> bool:
    """Advance `last_step`; False if the code was used before, also by a concurrent request."""
    statement = update(Totp).where(Totp.user_id == user_id, Totp.last_step < step).values(last_step=step)
    return db.session.scalar(statement.returning(Totp.user_id)) is not None


def _use_recovery_code(user_id: UUID, code: str, now: datetime) -> bool:
    statement = (
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == totp.hash_recovery_code(code))
        .where(RecoveryCode.used_at.is_(None))
        .values(used_at=now)
    )
    return db.session.scalar(statement.returning(RecoveryCode.id)) is not None
