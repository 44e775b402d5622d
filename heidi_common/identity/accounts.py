"""What auth and users both do to an account: show it, create it, end its sessions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from marshmallow import fields
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity import revocation
from heidi_common.identity.models import Role, Session, User
from heidi_common.messaging.events import UserCreated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import Conflict, FieldError
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime, iso

USER_COLUMNS: Any = User.__table__.columns
PUBLIC_COLUMNS: tuple[Any, ...] = (
    USER_COLUMNS.id,
    USER_COLUMNS.email,
    USER_COLUMNS.role,
    USER_COLUMNS.first_name,
    USER_COLUMNS.last_name,
    USER_COLUMNS.is_active,
    USER_COLUMNS.email_verified_at,
    USER_COLUMNS.created_at,
    USER_COLUMNS.updated_at,
)
"""The columns that an answer is made of: hot reads select these and no entity.

The table's own columns: SQLAlchemy compares mapped attributes with each other for each result, by making an expression.
"""


AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class UserOut(Schema):
    """A person as the API shows them; never a hash."""

    id = fields.UUID()
    email = fields.String()
    role = fields.Enum(Role, by_value=True)
    first_name = fields.String(allow_none=True)
    last_name = fields.String(allow_none=True)
    is_active = fields.Boolean()
    email_verified = fields.Boolean()
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


def serialize_user(user: AnyRow | User) -> dict[str, Any]:
    """The attributes of UserOut, from a row of SHOWN or from an entity."""
    return {
        "id": user.id,
        "email": user.email,
        "role": Role(user.role),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": user.is_active,
        "email_verified": user.email_verified_at is not None,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def serialize_user_json(user: AnyRow | User) -> dict[str, Any]:
    """The JSON object of UserOut, for hot reads that need no schema."""
    return {
        "id": str(user.id),
        "email": user.email,
        "role": str(user.role),
        "firstName": user.first_name,
        "lastName": user.last_name,
        "isActive": user.is_active,
        "emailVerified": user.email_verified_at is not None,
        "createdAt": iso(user.created_at),
        "updatedAt": iso(user.updated_at),
    }


def create_user(
    *, email: str, password_hash: str | None, role: Role = Role.USER, origin: str | None = None, **profile: Any
) -> User:
    """Insert a person within the caller's transaction; Conflict `email_taken` also when two come at once.

    `origin` goes into the fact: an `imported` person is not greeted.
    """
    now = utcnow()
    values = {"id": uuid7(), "email": email, "password_hash": password_hash, "role": role, "created_at": now}
    statement = insert(User).values(**values, updated_at=now, password_changed_at=now, **profile)
    free = statement.on_conflict_do_nothing(index_elements=[User.email], index_where=User.deleted_at.is_(None))
    user: User | None = db.session.scalar(free.returning(User))
    if user is None:
        raise email_taken("email")
    emit(UserCreated(id=user.id, role=user.role, is_active=user.is_active, changed=(origin,) if origin else None))
    return user


def email_taken(field: str | None) -> Conflict:
    """`field` is where the request names the e-mail, if it does."""
    detail = "An account with this e-mail exists already."
    errors = [FieldError(f"/{field}", detail)] if field else []
    return Conflict(detail, code="email_taken", errors=errors)


def end_sessions(user_id: UUID, reason: str, *, only: UUID | None = None, keep: UUID | None = None) -> list[UUID]:
    """End a person's live sessions (one, all, or all but one) on all services; returns which."""
    statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if only is not None:
        statement = statement.where(Session.id == only)
    if keep is not None:
        statement = statement.where(Session.id != keep)
    ended = list(db.session.scalars(statement.values(revoked_at=utcnow(), revoked_reason=reason).returning(Session.id)))
    revocation.announce_ended_sessions(ended)
    return ended


def revoke_access_tokens(user_id: UUID) -> None:
    """Refuse every access token that was given out so far; refresh tokens of live sessions still work."""
    statement = (
        update(User).where(User.id == user_id).values(token_version=User.token_version + 1, updated_at=User.updated_at)
    )
    version = db.session.scalar(statement.returning(User.token_version))
    if version is not None:
        revocation.announce_token_version(user_id, version)


def find_public(user_id: UUID, *columns: Any) -> AnyRow | None:
    """The SHOWN columns (and more, if asked) of a person who is not deleted, within the caller's transaction."""
    statement = select(*PUBLIC_COLUMNS, *columns).where(User.id == user_id, User.deleted_at.is_(None))
    return db.session.execute(statement).first()


def read_public(user_id: UUID) -> AnyRow | None:
    """The same outside of any transaction: one round trip."""
    return _PUBLIC_BY_ID.first(user_id=user_id)


_PUBLIC_BY_ID = CompiledStatement(
    select(*PUBLIC_COLUMNS).where(User.id == bindparam("user_id"), User.deleted_at.is_(None))
)


def active_session_conditions(session: type[Session], now: datetime) -> Iterable[Any]:
    """The conditions under which a session can still be used."""
    return session.revoked_at.is_(None), session.idle_expires_at > now, session.absolute_expires_at > now
