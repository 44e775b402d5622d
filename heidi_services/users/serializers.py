"""JSON of a user with all profile fields, straight from a row: fast reads need neither an entity nor marshmallow."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from heidi_common.identity.models import User
from heidi_common.identity.serializers import USER_COLUMNS, AnyRow, UserOut, UserSerializer
from heidi_common.schemas.fields import UtcDateTime


class UserDetailOut(UserOut):
    """A user, with the fields that only the users service returns."""

    phone = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    timezone = fields.String(allow_none=True)
    avatar_file_id = fields.UUID(
        allow_none=True, metadata={"description": "An image of the user: `GET /files/avatars/{userId}`."}
    )
    deleted_at = UtcDateTime(allow_none=True)


_DETAIL = UserSerializer(UserDetailOut)
COLUMNS: tuple[Any, ...] = (*_DETAIL.columns, USER_COLUMNS.version)
"""The columns that the functions of this module need."""


def serialize_user_detail(row: AnyRow | User) -> dict[str, Any]:
    """Return the JSON object of `UserDetailOut`."""
    return _DETAIL.to_json(row)


def user_etag(row: AnyRow | User) -> str:
    """Return the ETag (quoted) of a user's version."""
    return f'"{row.id.hex}.{row.version}"'
