"""Erase a user (GDPR, article 17): anonymize the account, keep its ID, and notify the other services.

The event `user.deleted` with `erasedAt` makes the services that store data about the user erase it: `erase_user_data`
in the `service/erasure.py` of each. The event's secret data are the user's addresses: the subscribers look for them,
and the last one deletes them.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import request
from sqlalchemy import select, update

from heidi_common.audit import addresses as addresses_of_trail
from heidi_common.audit.trail import record, record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs import cleanup as old_exports
from heidi_common.identity import login_throttle
from heidi_common.identity.models import Session, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.import_jobs import cleanup as old_imports
from heidi_common.interceptors import idempotency_keys
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import UserDeleted
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.problems import Invalid
from heidi_services.users.service.admins import require_another_admin
from heidi_services.users.service.permissions import user_not_found
from heidi_services.users.service.users import sign_out


def erase_user(caller: Caller, user_id: UUID, password: str | None) -> User:
    """Erase a user, even one that is deleted already. Erasing a user a second time has no effect.

    Args:
        caller: The user themselves, or an administrator.
        user_id: The user to erase.
        password: The caller's password; required if callers erase themselves.

    Raises:
        NotFound: The user does not exist, or the caller is neither that user nor an administrator.
        Invalid: The password is missing or incorrect.
        Conflict: `last_admin`.
    """
    if caller.id == user_id:
        _verify_password(caller, password)
    elif not caller.is_admin:
        raise user_not_found()
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id).with_for_update())
        if user is None:
            raise user_not_found()
        if user.erased_at is None:
            require_another_admin(user)
            addresses = {"email": user.email, "phone": user.phone}
            addresses_of_trail.delete_for_user(user.id, user.email)
            old_imports.erase_user(user.id, user.email)
            old_exports.erase_user(user.id)
            _anonymize(user, utcnow())
            event = UserDeleted(id=user.id, role=user.role, is_active=user.is_active, changed=("erasedAt",))
            emit(event, secret_data=addresses)
            record("user_erased", actor=caller.id, target=user.id)
    return user


def _anonymize(user: User, now: datetime) -> None:
    user.erased_at, user.deleted_at = now, user.deleted_at or now
    user.email, user.password_hash = f"{user.id.hex}@erased.invalid", None
    user.first_name = user.last_name = user.phone = user.locale = user.timezone = None
    user.avatar_file_id, user.is_active, user.email_verified_at = None, False, None
    sign_out(user, "erased")
    device_data = {"ip": None, "user_agent": None, "label": None}
    db.session.execute(update(Session).where(Session.user_id == user.id).values(device_data))
    idempotency_keys.delete_for_user(user.id)
    _erase_events(user.id)


def _erase_events(user_id: UUID) -> None:
    """Delete what past events about the user hold in secret, such as texts, and the errors of their subscribers.

    A request that is still pending then fails, because the user no longer exists.
    """
    own_events = OutboxEvent.user_id == user_id
    errors = Inbox.event_id.in_(select(OutboxEvent.id).where(own_events)) & Inbox.last_error.is_not(None)
    for statement in (
        update(OutboxEvent).where(own_events, OutboxEvent.sealed.is_not(None)).values(sealed=None),
        update(Inbox).where(errors).values(last_error=None),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))


def _verify_password(caller: Caller, password: str | None) -> None:
    """Check the caller's own password, so that an unattended session is not enough to erase its account.

    Attempts are limited like those to sign in, so that the password cannot be guessed here either.
    """
    stored_hash = db.session.scalar(select(User.password_hash).where(User.id == caller.id))
    db.session.rollback()
    if password is None:
        raise Invalid.field("password", "Missing data for required field.")
    limit = login_throttle.pair_limit(str(caller.id), request.remote_addr or "")
    login_throttle.check(limit)
    if not password_hasher().verify(stored_hash, password, before_hash=lambda: login_throttle.check(limit)).is_correct:
        login_throttle.count(limit)
        record_failure("user_erase_fail", actor=caller.id, target=caller.id)
        raise Invalid.field("password", "The password is incorrect.", code="wrong_password")
