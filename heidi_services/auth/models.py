"""The table of auth in addition to the shared identity tables: one-time tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, utcnow


class Purpose(StrEnum):
    """What a one-time token may be used for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # nosec B105
    SECOND_FACTOR = "second_factor"
    CHANGE_EMAIL = "change_email"
    REVERT_EMAIL = "revert_email"


class OneTimeToken(Base):
    """A secret that was issued for one purpose and works once. Only its hash is stored."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        Index("uq_one_time_tokens_token_hash", "token_hash", unique=True),
        Index("ix_one_time_tokens_user_id_purpose", "user_id", "purpose"),
        Index("ix_one_time_tokens_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID]
    purpose: Mapped[Purpose] = mapped_column(Text)
    token_hash: Mapped[str]
    email: Mapped[str]
    label: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
