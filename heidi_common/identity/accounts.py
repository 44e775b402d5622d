"""Operations on accounts that auth and users share: create a user, end sessions, revoke access tokens, read a user."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity import revocation
from heidi_common.identity.models import Role, Session, User
from heidi_common.identity.serializers import PUBLIC_COLUMNS, USER_COLUMNS, AnyRow
from heidi_common.messaging.events import UserCreated, UserDeleted
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict, FieldError
from heidi_common.schemas.naming import camel


def create_user(
    *,
    email: str,
    password_hash: str | None,
    role: Role = Role.USER,
    origin: str | None = None,
    user_id: UUID | None = None,
    created_at: datetime | None = None,
    bulk: bool = False,
    **profile: Any,
) -> User:
    """Insert a user within the caller's transaction and emit `user.created`.

    Args:
        email: The normalized address.
        password_hash: None if the user has to choose a password before signing in.
        role: The role of the new user.
        origin: Passed on in the event as `changed`, such as IMPORTED: these users get no welcome message.
        user_id: The ID that the user has had in another system; by default a new one.
        created_at: When the user was created in another system; by default now.
        bulk: Whether the user is one of many, so that the event gives way to others.
        profile: Values of further columns.

    Returns:
        The new user.

    Raises:
        Conflict: `email_taken` or `id_taken`, also if another transaction inserts the same value concurrently.
    """
    now = utcnow()
    values = {"id": user_id or uuid7(), "email": email, "password_hash": password_hash, "role": role}
    values |= {"created_at": created_at or now, "updated_at": now, "password_changed_at": now}
    statement = insert(User).values(**values, **profile).on_conflict_do_nothing()
    user: User | None = db.session.scalar(statement.returning(User))
    if user is None:
        raise _taken(email, user_id)
    event = UserCreated(id=user.id, role=user.role, is_active=user.is_active, changed=(origin,) if origin else None)
    emit(event, bulk=bulk)
    return user


def _taken(email: str, user_id: UUID | None) -> Conflict:
    """Which value an INSERT conflicts with. A repeated import of the same user conflicts with the address."""
    holder = db.session.scalar(select(User.id).where(User.email == email, User.deleted_at.is_(None)))
    if user_id is None or holder == user_id:
        return email_taken("email")
    detail = "A user with this ID exists already." if holder is None else "The e-mail address belongs to another ID."
    return Conflict(detail, code="id_taken", errors=[FieldError("/id", detail)])


def audited_changes(user: User, before: dict[str, Any]) -> dict[str, Any]:
    """Return the old and the new value of those changes that decide what a user may do, for the audit trail.

    Args:
        user: The user, after the changes.
        before: Attribute -> old value, of all changed attributes.
    """
    names = [name for name in ("role", "is_active") if name in before]
    return {camel(name): {"old": before[name], "new": getattr(user, name)} for name in names}


def email_taken(field: str | None) -> Conflict:
    """Build the error for an address that another account has.

    Args:
        field: The field of the request that contains the address; None if the request contains none.
    """
    detail = "An account with this e-mail address already exists."
    errors = [FieldError(f"/{field}", detail)] if field else []
    return Conflict(detail, code="email_taken", errors=errors)


def end_sessions(user_id: UUID, reason: str, *, only: UUID | None = None, keep: UUID | None = None) -> list[UUID]:
    """End a user's live sessions, on all services.

    Args:
        user_id: The user.
        reason: Stored with each session that is ended.
        only: End only this session.
        keep: End all sessions but this one.

    Returns:
        The IDs of the sessions that were ended.
    """
    statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if only is not None:
        statement = statement.where(Session.id == only)
    if keep is not None:
        statement = statement.where(Session.id != keep)
    ended = list(db.session.scalars(statement.values(revoked_at=utcnow(), revoked_reason=reason).returning(Session.id)))
    revocation.announce_ended_sessions(ended)
    return ended


def soft_delete(user: User) -> None:
    """Delete a locked user within the caller's transaction: the row stays, and all sessions end."""
    user.deleted_at = utcnow()
    db.session.flush()
    end_sessions(user.id, "deleted")
    revoke_access_tokens(user.id)
    emit(UserDeleted(id=user.id, role=user.role, is_active=user.is_active))


def revoke_access_tokens(user_id: UUID) -> None:
    """Revoke every access token that has been issued to a user. Refresh tokens of live sessions still work."""
    statement = (
        update(User).where(User.id == user_id).values(token_version=User.token_version + 1, updated_at=User.updated_at)
    )
    version = db.session.scalar(statement.returning(User.token_version))
    if version is not None:
        revocation.announce_token_version(user_id, version)


def find_public(user_id: UUID, *columns: Any) -> AnyRow | None:
    """Read `PUBLIC_COLUMNS` and further columns of a user within the caller's transaction; None if deleted."""
    statement = select(*PUBLIC_COLUMNS, *columns).where(User.id == user_id, User.deleted_at.is_(None))
    return db.session.execute(statement).first()


def read_public(user_id: UUID) -> AnyRow | None:
    """Read `PUBLIC_COLUMNS` and the version outside of any transaction, in one round trip; None if deleted."""
    return _PUBLIC_BY_ID.first(user_id=user_id)


_PUBLIC_BY_ID = CompiledStatement(
    select(*PUBLIC_COLUMNS, USER_COLUMNS.version).where(User.id == bindparam("user_id"), User.deleted_at.is_(None)),
    prepared=True,
)


def active_session_conditions(session: type[Session], now: datetime) -> Iterable[Any]:
    """Return the conditions that a session must meet to be usable: not revoked, not idle for too long, not too old."""
    return session.revoked_at.is_(None), session.idle_expires_at > now, session.absolute_expires_at > now
