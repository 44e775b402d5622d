"""Fields and validators that several schemas use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.crypto import base64url
from heidi_common.identity.models import Role
from heidi_common.schemas.fields import Text
from heidi_services.notification.enums import Channel, NotificationStatus, NotificationType

_CATEGORY = validate.Regexp(
    r"[a-z][a-z0-9_-]{0,49}\Z",
    error="Must start with a lower-case letter and contain only lower-case letters, digits, - and _ (at most 50).",
)
Enumeration = type[Channel] | type[NotificationStatus] | type[NotificationType] | type[Role]


def category_field(**options: Any) -> Text:
    return Text(max=50, validate=_CATEGORY, **options)


def enum_field(enumeration: Enumeration, **options: Any) -> fields.String:
    """A string that must be one of the enumeration's values."""
    return fields.String(validate=validate.OneOf([str(member) for member in enumeration]), **options)


def base64url_bytes(length: int) -> Callable[[str], None]:
    """A validator for `length` bytes in base64url."""

    def validate_length(value: str) -> None:
        try:
            decoded = base64url.decode(value.rstrip("="))
        except ValueError:
            decoded = b""
        if len(decoded) != length:
            raise ValidationError(f"Must be {length} bytes in base64url, as returned by the browser.")

    return validate_length


def printable_ascii(value: str) -> None:
    """A validator. Other characters could exceed the size that an index entry may have."""
    if not value.isascii() or not value.isprintable():
        raise ValidationError("Must contain only printable ASCII characters.")
