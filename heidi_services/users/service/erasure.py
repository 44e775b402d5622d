"""Erasure: personal data is replaced by a tombstone, ids are kept, and every service hears of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import request
from sqlalchemy import select, update

from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle
from heidi_common.identity.models import Session, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.interceptors import idempotency
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import UserDeleted
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Invalid
from heidi_services.users.service.admins import keep_one
from heidi_services.users.service.queries import not_found
from heidi_services.users.service.users import sign_out


def erase(caller: Caller, user_id: UUID, password: str | None) -> User:
    """Oneself with the password, or anybody by an administrator; also somebody who is deleted already."""
    if caller.id == user_id:
        _check_own(caller, password)
    elif not caller.is_admin:
        raise not_found()
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id).with_for_update())
        if user is None:
            raise not_found()
        if user.erased_at is None:
            keep_one(user)
            _bury(user, utcnow())
            # Each service that holds something on the person hears this and sees the tombstone.
            emit(UserDeleted(id=user.id, role=user.role, is_active=user.is_active, changed=("erasedAt",)))
            record("user_erased", actor=caller.id, target=user.id)
    return user


def _bury(user: User, now: datetime) -> None:
    user.erased_at, user.deleted_at = now, user.deleted_at or now
    user.email, user.password_hash = f"{user.id.hex}@erased.invalid", None
    user.first_name = user.last_name = user.phone = user.locale = user.timezone = None
    user.is_active, user.email_verified_at = False, None
    sign_out(user, "erased")
    traces = {"ip": None, "user_agent": None, "label": None}
    db.session.execute(update(Session).where(Session.user_id == user.id).values(traces))
    idempotency.delete_for_user(user.id)


def _check_own(caller: Caller, password: str | None) -> None:
    """Somebody at an open laptop must not be able to erase its owner, nor to guess the password here."""
    stored = db.session.scalar(select(User.password_hash).where(User.id == caller.id))
    db.session.rollback()
    if password is None:
        raise Invalid.field("password", "Missing data for required field.")
    limit = login_throttle.pair(str(caller.id), request.remote_addr or "")
    login_throttle.check(limit)
    if not password_hasher().verify(stored, password, before_hash=lambda: login_throttle.check(limit)).ok:
        login_throttle.count(limit)
        record_failure("user_erase_fail", actor=caller.id, target=caller.id)
        raise Invalid.field("password", "The password is wrong.", code="wrong_password")
