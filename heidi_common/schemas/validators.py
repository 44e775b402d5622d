"""Validators that several schemas share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validate


class Length(validate.Length):
    """A limit of characters or items. The message includes the actual length."""

    message_min = "Must have at least {min} {unit}, but has {length}."
    message_max = "Must have at most {max} {unit}, but has {length}."
    message_all = "Must have {min} to {max} {unit}, but has {length}."
    message_equal = "Must have {equal} {unit}, but has {length}."

    def _format_error(self, value: Any, message: str) -> str:
        unit = "characters" if isinstance(value, str) else "items"
        limits = {"min": self.min, "max": self.max, "equal": self.equal}
        return message.format(unit=unit, length=len(value), **limits)


def not_blank(value: str) -> None:
    """Reject text that consists of white space."""
    if not value.strip():
        raise ValidationError("Must not be blank.")


def one_line(value: str) -> None:
    """Reject text with line breaks."""
    if value != "".join(value.splitlines()):
        raise ValidationError("Must be a single line.")


def callable_url(url: str) -> None:
    """Reject a URL that the platform would never call. The host name is resolved only when the call is made."""
    from heidi_common.http_client.client import http_client  # here: most schemas have no URL

    if error := http_client().url_error(url):
        raise ValidationError(error)


def validate_range(data: Mapping[str, Any], first: str, last: str, name: str) -> None:
    """Reject a range that ends before it starts.

    Args:
        data: The loaded query.
        first: The attribute with the start of the range, which may be missing.
        last: The attribute with the end of the range, which may be missing.
        name: The query parameter of the end, to which the error belongs.
    """
    if first in data and last in data and data[first] > data[last]:
        raise ValidationError("Must not be before the start of the range.", name)
