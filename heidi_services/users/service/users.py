"""Changing people: create, update, delete, restore."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.identity import accounts
from heidi_common.identity.emails import require_valid_email
from heidi_common.identity.models import Role, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.identity.password_policy import require_acceptable_password
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import UserDeleted, UserUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict, FieldError, Forbidden, Invalid
from heidi_common.schemas.naming import camel
from heidi_services.users.service.admins import keep_one
from heidi_services.users.service.queries import STAFF, not_found

OWN_FIELDS = frozenset({"first_name", "last_name", "phone", "locale", "timezone"})


def create(body: dict[str, Any], actor: UUID | None = None) -> User:
    """A new account. Its address counts as verified: an administrator vouches for it."""
    email, names = require_valid_email(body["email"]), (body.get("first_name"), body.get("last_name"))
    require_acceptable_password(body["password"], personal_data=(email, *names))
    hashed = password_hasher().hash(body["password"])
    profile = {key: value for key, value in body.items() if key not in ("email", "password")}
    with transaction():
        user = accounts.create_user(email=email, password_hash=hashed, email_verified_at=utcnow(), **profile)
        record("user_created", actor=actor, target=user.id, detail={"role": str(user.role)})
    return user


def update(caller: Caller, user_id: UUID, changes: dict[str, Any], version: int | None) -> User:
    """Change a profile, or (an administrator) role, activity and e-mail; those end tokens at once."""
    _refuse_foreign_fields(caller, user_id, changes)
    return change(user_id, changes, caller.id, version)


def change(user_id: UUID, changes: dict[str, Any], actor: UUID | None, version: int | None = None) -> User:
    """Change whatever is asked for; who may ask was settled before. `actor` is None on the command line."""
    if "email" in changes:
        changes = changes | {"email": require_valid_email(changes["email"])}
    with transaction():
        user = locked(user_id)
        expect_version(user, version)
        changed = {name for name, value in changes.items() if getattr(user, name) != value}
        if changed:
            _apply(user, {name: changes[name] for name in changed})
            _tell(user, changed, actor)
    return user


def delete(caller: Caller, user_id: UUID, version: int | None) -> None:
    """Soft: the row stays, the sessions end, the e-mail is free again."""
    if caller.id != user_id and not caller.is_admin:
        raise _refusal(caller)
    with transaction():
        user = locked(user_id)
        expect_version(user, version)
        keep_one(user)
        user.deleted_at = utcnow()
        sign_out(user, "deleted")
        emit(UserDeleted(id=user.id, role=user.role, is_active=user.is_active))
        record("user_deleted", actor=caller.id, target=user.id)


def restore(user_id: UUID, actor: UUID | None) -> User:
    """Take a deletion back; Conflict when the e-mail is taken meanwhile or the person was erased."""
    with transaction():
        user = db.session.scalar(select(User).where(User.id == user_id).with_for_update())
        if user is None:
            raise not_found()
        if user.erased_at is not None:
            raise Conflict("An erased account cannot come back.", code="erased")
        if user.deleted_at is not None:
            user.deleted_at = None
            _flush_email(None)
            emit(UserUpdated(id=user.id, role=user.role, is_active=user.is_active, changed=("deletedAt",)))
            record("user_restored", actor=actor, target=user.id)
    return user


def locked(user_id: UUID) -> User:
    """The person, held until the transaction ends; NotFound when deleted."""
    statement = select(User).where(User.id == user_id, User.deleted_at.is_(None)).with_for_update()
    user = db.session.scalar(statement.execution_options(populate_existing=True))
    if user is None:
        raise not_found()
    return user


def sign_out(user: User, reason: str) -> None:
    """End every session and every token of a person, on all services."""
    db.session.flush()
    accounts.end_sessions(user.id, reason)
    accounts.revoke_access_tokens(user.id)


def _apply(user: User, values: dict[str, Any]) -> None:
    loses = values.get("role", Role.ADMIN) != Role.ADMIN or values.get("is_active") is False
    if loses:
        keep_one(user)
    for name, value in values.items():
        setattr(user, name, value)
    if "email" in values:
        user.email_verified_at = utcnow()
        _flush_email("email")
    db.session.flush()
    if not user.is_active:
        sign_out(user, "deactivated")
    elif "role" in values:
        accounts.revoke_access_tokens(user.id)


def _tell(user: User, changed: set[str], actor: UUID | None) -> None:
    names = tuple(sorted(camel(name) for name in changed))
    emit(UserUpdated(id=user.id, role=user.role, is_active=user.is_active, changed=names))
    record("user_updated", actor=actor, target=user.id, detail={"changed": list(names)})


def _refuse_foreign_fields(caller: Caller, user_id: UUID, changes: dict[str, Any]) -> None:
    if caller.is_admin:
        return
    if caller.id != user_id:
        raise _refusal(caller)
    foreign = sorted(set(changes) - OWN_FIELDS)
    if foreign:
        raise Invalid(FieldError(f"/{camel(name)}", "This field is not yours to change.") for name in foreign)


def _refusal(caller: Caller) -> Exception:
    """Staff knows that others exist; nobody else does."""
    return Forbidden("Only an administrator may do this.") if caller.role in STAFF else not_found()


def _flush_email(field: str | None) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        raise accounts.email_taken(field) from None
