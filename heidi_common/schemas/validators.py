"""Validators that several schemas share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from heidi_common.http_client.client import http_client


def not_blank(value: str) -> None:
    """What people are to read needs more than spaces."""
    if not value.strip():
        raise ValidationError("This may not be blank.")


def one_line(value: str) -> None:
    if value != "".join(value.splitlines()):
        raise ValidationError("This is one line.")


def callable_url(url: str) -> None:
    """What would fail each time is refused when it is saved; names are resolved when the call is made."""
    if flaw := http_client().url_error(url):
        raise ValidationError(flaw)


def validate_range(data: Mapping[str, Any], first: str, last: str, name: str) -> None:
    """Refuse a range that ends before it begins: it would find nothing and say nothing. `name` is the end's in the
    query."""
    if first in data and last in data and data[first] > data[last]:
        raise ValidationError("This lies before the beginning of the range.", name)
