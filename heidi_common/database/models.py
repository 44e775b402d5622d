"""The declarative base of all tables, and the `Entity` mixin of rows with an id and a version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from uuid_utils.compat import uuid7

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utcnow() -> datetime:
    """The current time, with the time zone UTC."""
    return datetime.now(UTC)


def storable_text(text: str) -> str:
    """Replace what PostgreSQL cannot store in text that comes from outside.

    Args:
        text: Any text, such as the error message of a remote server.

    Returns:
        The text with each lone surrogate replaced by `?` and each NUL by U+FFFD.

    Source: PostgreSQL manual, section 8.3: a character with code zero cannot be stored.
    """
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


class Base(DeclarativeBase):
    """Base of every table. Python's str, datetime and dict map to text, timestamptz and jsonb."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
    }


class Entity:
    """Mixin for rows with a UUIDv7 id, timestamps, and a version that ETags and If-Match are derived from."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow, server_default=func.now())
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}
