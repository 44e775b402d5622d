"""What may come into users, and what goes out."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from heidi_common.database.text_search import plain_letters
from heidi_common.identity.accounts import UserOut
from heidi_common.identity.models import Role
from heidi_common.identity.password_hashing import MAX_BYTES
from heidi_common.identity.password_policy import IN_DOCUMENTS
from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Flag, PersonName, Text, UtcDateTime
from heidi_common.schemas.validators import validate_range

PHONE = validate.Regexp(re.compile(r"\+[1-9][0-9]{6,14}\Z"), error="A phone number looks like +4930123456 (E.164).")
LOCALE = validate.Regexp(re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z"), error="A locale looks like de-AT.")


def _searchable(q: str) -> None:
    """Signs alone have no trigrams: the whole table would be read for them."""
    if not any(character.isalnum() for character in plain_letters(q)):
        raise ValidationError("Needs a letter or a digit.")


class PersonOut(UserOut):
    """A person, with what only the users service shows."""

    phone = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    timezone = fields.String(allow_none=True)
    deleted_at = UtcDateTime(allow_none=True)


class PeopleQuery(PageQuery):
    q = Text(max=100, validate=_searchable)
    role = fields.Enum(Role, by_value=True)
    is_active = fields.Boolean()
    include_deleted = fields.Boolean(load_default=False)
    created_from = UtcDateTime()
    created_to = UtcDateTime()
    sort = fields.String(
        load_default="-createdAt", validate=validate.OneOf(["createdAt", "-createdAt", "email", "-email"])
    )

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "created_from", "created_to", "createdTo")


class PersonIn(Schema):
    email = Text(required=True, max=320)
    password = Text(required=True, max=MAX_BYTES, load_only=True, metadata=IN_DOCUMENTS)
    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    role = fields.Enum(Role, by_value=True, load_default=Role.USER)


class PersonPatch(Schema):
    """A person may change the first five of themselves; the others are for administrators."""

    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    phone = Text(max=16, allow_none=True, validate=PHONE)
    locale = Text(max=12, allow_none=True, validate=LOCALE)
    timezone = Text(max=64, allow_none=True, validate=timezones.is_known)
    role = fields.Enum(Role, by_value=True)
    is_active = Flag()
    email = Text(max=320)


class ImportIn(Schema):
    """A line of an import: a password, a hash that was made elsewhere, or neither (a reset gives the first one)."""

    email = Text(required=True, max=320)
    password = Text(max=MAX_BYTES)
    password_hash = Text(max=500)
    first_name = PersonName(allow_none=True)
    last_name = PersonName(allow_none=True)
    phone = Text(max=16, allow_none=True, validate=PHONE)
    locale = Text(max=12, allow_none=True, validate=LOCALE)
    timezone = Text(max=64, allow_none=True, validate=timezones.is_known)
    role = fields.Enum(Role, by_value=True, load_default=Role.USER)
    is_active = fields.Boolean(load_default=True)
    email_verified = fields.Boolean(load_default=True)


class EraseIn(Schema):
    """One's own password; an administrator who erases somebody else sends none."""

    password = Text(max=MAX_BYTES, load_only=True)


class ErasedOut(Schema):
    id = fields.UUID()
    erased_at = UtcDateTime()


class ExportOut(Schema):
    """Everything the platform holds on a person; each part as its own service shows it."""

    exported_at = UtcDateTime()
    user = fields.Nested(PersonOut)
    parts = fields.Dict()
