"""Schemas of requests to the users service, and of its responses (`UserDetailOut` is in `serializers`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, pre_load, validate, validates_schema

from heidi_common.database.models import utcnow
from heidi_common.database.text_search import plain_letters
from heidi_common.identity.models import Role
from heidi_common.identity.password_formats.stored_hash import MAX_LENGTH as MAX_HASH_LENGTH
from heidi_common.identity.password_hashing import MAX_PASSWORD_BYTES
from heidi_common.identity.password_policy import PASSWORD_METADATA
from heidi_common.import_jobs.schemas import ImportQuery
from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Flag, PersonName, Text, UtcDateTime
from heidi_common.schemas.locales import LocaleTag
from heidi_common.schemas.phone_numbers import PhoneNumber
from heidi_common.schemas.validators import not_blank, one_line, validate_range
from heidi_services.users.serializers import UserDetailOut


def _searchable(q: str) -> None:
    """Reject a query of punctuation only: it contains no trigrams, so the search would read the whole table."""
    if not any(character.isalnum() for character in plain_letters(q)):
        raise ValidationError("Must contain at least one letter or digit.")


MAX_IDS = 100


class IdList(fields.Field[list[UUID]]):
    """IDs in a query, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[UUID]:
        parts = str(value).split(",")
        if len(parts) > MAX_IDS:
            raise ValidationError(f"Must have at most {MAX_IDS} items, but has {len(parts)}.")
        try:
            return [UUID(part.strip()) for part in parts]
        except ValueError:
            raise ValidationError("Must be UUIDs separated by commas.") from None


class UserListQuery(PageQuery):
    ids = IdList(
        metadata={
            "type": "string",
            "description": f"Up to {MAX_IDS} IDs, separated by commas. Users that do not exist are left out.",
        }
    )
    q = Text(max=100, validate=_searchable)
    role = fields.Enum(Role, by_value=True)
    is_active = fields.Boolean()
    include_deleted = fields.Boolean(load_default=False)
    created_from = UtcDateTime()
    created_to = UtcDateTime()
    sort = fields.String(
        load_default="-createdAt", validate=validate.OneOf(["createdAt", "-createdAt", "email", "-email"])
    )

    @pre_load
    def _page_of_batch(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        """A batch fits into one page unless the client asks for smaller ones."""
        return data if "ids" not in data or "limit" in data else {**data, "limit": MAX_IDS}

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "created_from", "created_to", "createdTo")


class UserIn(Schema):
    email = Text(required=True, max=320)
    password = Text(required=True, max=MAX_PASSWORD_BYTES, load_only=True, metadata=PASSWORD_METADATA)
    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    role = fields.Enum(Role, by_value=True, load_default=Role.USER)


class UserPatch(Schema):
    """Users may change the first six fields of their own account. Only administrators may change the others."""

    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    phone = PhoneNumber(allow_none=True)
    locale = LocaleTag(allow_none=True)
    timezone = Text(max=64, allow_none=True, validate=timezones.validate_timezone)
    avatar_file_id = fields.UUID(
        allow_none=True,
        metadata={"description": "An image (JPEG, PNG, GIF, WebP) among the files of this user; null removes it."},
    )
    role = fields.Enum(Role, by_value=True)
    is_active = Flag()
    email = Text(max=320)


class PasswordHash(Text):
    """A stored hash. Keycloak's is a JSON object, which becomes text."""

    def __init__(self) -> None:
        super().__init__(max=MAX_HASH_LENGTH)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value
        return super()._deserialize(text.strip() if isinstance(text, str) else text, attr, data, **kwargs)


def _not_in_the_future(at: datetime) -> None:
    if at > utcnow():
        raise ValidationError("Must not be in the future.")


class UserImportIn(Schema):
    """A line of an import, with a password, with a hash from another system, or with neither (until a reset)."""

    id = fields.UUID()
    email = Text(required=True, max=320)
    password = Text(max=MAX_PASSWORD_BYTES)
    password_hash = PasswordHash()
    password_salt = Text(max=1000)
    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    phone = PhoneNumber(allow_none=True)
    locale = LocaleTag(allow_none=True)
    timezone = Text(max=64, allow_none=True, validate=timezones.validate_timezone)
    role = fields.Enum(Role, by_value=True, load_default=Role.USER)
    is_active = fields.Boolean(load_default=True)
    email_verified = fields.Boolean(load_default=True)
    created_at = UtcDateTime(validate=_not_in_the_future)


class UserImportQuery(ImportQuery):
    """How to import the file."""

    welcome = fields.Boolean(
        load_default=False,
        metadata={"description": "send each created user the welcome e-mail, at the rate of bulk messages"},
    )


class UserExportIn(Schema):
    """What to export."""

    format = fields.String(load_default="csv", validate=validate.OneOf(["csv", "ndjson"]))


class ReasonQuery(Schema):
    reason = Text(max=500)


class ReasonIn(Schema):
    """Why an administrator intervenes. The audit trail keeps it, so it must not contain personal data."""

    reason = Text(required=True, max=500, validate=[not_blank, one_line])


class EraseIn(Schema):
    """The caller's own password. Administrators who erase another user send none."""

    password = Text(max=MAX_PASSWORD_BYTES, load_only=True)


class ErasedOut(Schema):
    id = fields.UUID()
    erased_at = UtcDateTime()


class ExportOut(Schema):
    """All data that the platform stores about a user; each part has the form of its own service's API."""

    exported_at = UtcDateTime()
    user = fields.Nested(UserDetailOut)
    parts = fields.Dict()
