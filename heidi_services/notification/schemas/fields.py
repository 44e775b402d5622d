"""Fields and validators that several schemas use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.channels.registry import CHANNELS
from heidi_common.crypto import base64url
from heidi_common.identity.models import Role
from heidi_common.schemas.fields import Text
from heidi_services.notification.channels.push_options import PushOptions
from heidi_services.notification.channels.push_text import push_text
from heidi_services.notification.channels.sms_segments import segmentation
from heidi_services.notification.enums import Channel, NotificationStatus, NotificationType

_CATEGORY = validate.Regexp(
    r"[a-z][a-z0-9_-]{0,49}\Z",
    error="Must start with a lower-case letter and contain only lower-case letters, digits, - and _ (at most 50).",
)
Enumeration = type[NotificationStatus] | type[NotificationType] | type[Role]


def category_field(**options: Any) -> Text:
    return Text(max=50, validate=_CATEGORY, **options)


def channel_field(**options: Any) -> fields.String:
    """The name of a channel."""
    return fields.String(validate=validate.OneOf(CHANNELS), **options)


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


class SegmentCount(fields.Integer):
    """The segments of a text message, counted in its text; null for other channels and while the text is secret."""

    def __init__(self, **options: Any) -> None:
        description = "Segments in which the SMS is transmitted and billed; null for other channels and secret texts"
        super().__init__(allow_none=True, metadata={"description": description}, **options)

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:
        if obj.channel != Channel.SMS or obj.content is None:
            return None
        return segmentation(obj.content).segments


class IsTruncated(fields.Boolean):
    """Whether the text of a push message is shortened when it is sent."""

    def __init__(self, **options: Any) -> None:
        description = "Whether title or body of the push message are shortened with an ellipsis when it is sent"
        super().__init__(metadata={"description": description}, **options)

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> bool:
        if obj.channel != Channel.PUSH or obj.content is None:
            return False
        return push_text(obj.subject or "", obj.content, option_bytes=PushOptions.from_json(obj.options).size).truncated


def user_id_field() -> fields.UUID:
    """The query parameter `userId` of a route that reads the caller's own data by default."""
    return fields.UUID(load_default=None, metadata={"description": "another user (ADMIN); default: yourself"})
