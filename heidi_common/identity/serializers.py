"""The public JSON of a user: `UserOut` lists the fields once, and the columns and serializers are derived from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from marshmallow import fields
from sqlalchemy import Row

from heidi_common.identity.models import Role, User
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime, iso

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

USER_COLUMNS: Any = User.__table__.columns
"""The columns of the table, not the mapped attributes: those cost SQLAlchemy an expression per column and result."""


class UserOut(Schema):
    """A user as auth and users return them. Never contains a password hash."""

    id = fields.UUID()
    email = fields.String()
    role = fields.Enum(Role, by_value=True)
    first_name = fields.String(allow_none=True)
    last_name = fields.String(allow_none=True)
    is_active = fields.Boolean()
    email_verified = fields.Boolean()
    created_at = UtcDateTime()
    updated_at = UtcDateTime()


class _JsonMember(NamedTuple):
    key: str
    column: str
    convert: Callable[[Any], Any] | None


class UserSerializer:
    """Serializes rows of `users` to the JSON object of a schema.

    Reads that must be fast select `columns` and call `to_json`, so that they need neither an entity nor marshmallow.

    Args:
        schema: Every field is a column of `users` of the same name, or `email_verified`.
    """

    def __init__(self, schema: type[UserOut]) -> None:
        self._members = tuple(_json_member(name, field) for name, field in schema().fields.items())
        self.columns: tuple[Any, ...] = tuple(USER_COLUMNS[member.column] for member in self._members)

    def to_json(self, user: AnyRow | User) -> dict[str, Any]:
        """Return the JSON object for an entity or for a row that has at least `columns`."""
        return {
            key: getattr(user, column) if convert is None else convert(getattr(user, column))
            for key, column, convert in self._members
        }


def _json_member(name: str, field: fields.Field[Any]) -> _JsonMember:
    key = str(field.data_key)
    if name == "email_verified":
        return _JsonMember(key, "email_verified_at", _is_set)
    return _JsonMember(key, name, _CONVERSIONS.get(type(field)))


def _is_set(value: object) -> bool:
    return value is not None


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _iso_or_none(value: datetime | None) -> str | None:
    return None if value is None else iso(value)


_CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    fields.UUID: _text_or_none,
    fields.Enum: str,
    UtcDateTime: _iso_or_none,
}
"""Type of a field -> how its column becomes JSON. The columns of all other fields are JSON values already."""

_PUBLIC = UserSerializer(UserOut)
PUBLIC_COLUMNS = _PUBLIC.columns
"""The columns that `serialize_user` and `serialize_user_json` need."""


def serialize_user(user: AnyRow | User) -> dict[str, Any]:
    """Return the attributes of `UserOut`, for responses that marshmallow serializes."""
    attributes = {name: getattr(user, name) for name in UserOut._declared_fields if name != "email_verified"}
    return attributes | {"role": Role(user.role), "email_verified": user.email_verified_at is not None}


def serialize_user_json(user: AnyRow | User) -> dict[str, Any]:
    """Return the JSON object of `UserOut`, without marshmallow."""
    return _PUBLIC.to_json(user)
