"""Users, sessions, second factors, machine clients and counters of throttles: the tables that two services write.

A user's row holds credentials, which auth writes, and the profile, which users writes. All services read users,
sessions and clients to find out whether a user is deactivated, a session has ended or a client is revoked.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Computed, ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, Entity, utcnow

SEARCH = "plain_letters(' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || email)"


class Role(StrEnum):
    """What a user may do in the whole platform."""

    USER = "USER"
    MODERATOR = "MODERATOR"
    ADMIN = "ADMIN"


class User(Entity, Base):
    """A user.

    `email` is normalized and unique among users who are not deleted. Increasing `token_version` invalidates all access
    tokens of the user. `owner_proved` is false as long as the owner of the address may be someone other than the user
    who knows the password (see `address_proof`); None means: as `email_verified_at` says.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", "email", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_users_created_at_id", "created_at", "id"),
        Index("ix_users_email_id", "email", "id"),
        Index("ix_users_role_created_at_id", "role", "created_at", "id"),
        Index("ix_users_inactive", "created_at", "id", postgresql_where=text("NOT is_active")),
        Index("ix_users_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}),
    )

    email: Mapped[str]
    has_former_email: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether `email` was stored by the rules of version 1.1 and has not changed since (see `email_lookup`)."""
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    role: Mapped[Role] = mapped_column(Text, default=Role.USER, server_default="USER")
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    phone: Mapped[str | None]
    locale: Mapped[str | None]
    timezone: Mapped[str | None]
    avatar_file_id: Mapped[UUID | None]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    email_verified_at: Mapped[datetime | None]
    owner_proved: Mapped[bool | None]
    token_version: Mapped[int] = mapped_column(default=1, server_default="1")
    deleted_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    search: Mapped[str] = mapped_column(Text, Computed(SEARCH, persisted=True), deferred=True)
    """The names and the address in plain letters (see `text_search`), with a space before each word. `?q=` searches it.
    """

    @property
    def email_verified(self) -> bool:
        """Whether the user has proved to receive e-mails at `email`."""
        return self.email_verified_at is not None

    @property
    def can_sign_in(self) -> bool:
        """Whether the account is neither deactivated nor deleted."""
        return self.is_active and self.deleted_at is None


class Session(Base):
    """One sign-in.

    `counter` is the number of the newest refresh token. The `siblings` numbers before it are also valid: they were
    issued for the same parent, because the responses to earlier refreshes were lost. The parent is the token that was
    used last; its number is `parent_distance` less than that of its oldest valid child.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    counter: Mapped[int] = mapped_column(default=1, server_default="1")
    siblings: Mapped[int] = mapped_column(default=0, server_default="0")
    parent_distance: Mapped[int] = mapped_column(default=1, server_default="1")
    rotated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    absolute_expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    label: Mapped[str | None]


SESSION_END = func.least(Session.revoked_at, Session.absolute_expires_at)
"""When a session has ended or will end. The index hx_sessions_end has the same expression."""


class Totp(Base):
    """A user's second factor. `last_step` is the time step of the last code used, so that no code works twice."""

    __tablename__ = "totp"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret: Mapped[str]
    last_step: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """One of the ten recovery codes of a user who has lost the device. It is stored as a hash and works once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("uq_recovery_codes_user_id_code_hash", "user_id", "code_hash", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID]
    code_hash: Mapped[str]
    used_at: Mapped[datetime | None]


class MachineClient(Entity, Base):
    """A program that signs in with its id and a secret (stored as a hash) and acts within its scopes."""

    __tablename__ = "clients"

    name: Mapped[str]
    secret_hash: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class FirebaseProject(Base):
    """The parameters of a Firebase project whose users were imported. `sealed` is their encrypted JSON."""

    __tablename__ = "firebase_projects"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())


class ThrottleCounter(Base):
    """Attempts that were counted while Redis was unavailable. `key` contains no personal data.

    The table is not written to the write-ahead log: the counters need not survive a crash of PostgreSQL.
    """

    __tablename__ = "throttle_counters"
    __table_args__ = (Index("ix_throttle_counters_expires_at", "expires_at"), {"prefixes": ["UNLOGGED"]})

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[datetime]
