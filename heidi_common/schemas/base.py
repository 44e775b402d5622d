"""Base of all schemas: camelCase on the wire, unknown fields refused, times in UTC, text without traps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import ValidationError, fields, validate

from heidi_common.runtime import runtime
from heidi_common.schemas.naming import camel

UNKNOWN = "This field is not known here."


class Schema(ma.Schema):
    """snake_case attributes become camelCase keys; what is not declared is refused by name."""

    class Meta:
        unknown = ma.RAISE

    error_messages = {"unknown": UNKNOWN, "type": "This must be a JSON object."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = camel(field_name)


class Text(fields.String):
    """Text that PostgreSQL and every channel can hold: no NUL, no lone surrogate; bounded, 1 to 255 unless told."""

    def __init__(self, *, min: int = 1, max: int = 255, **kwargs: Any) -> None:
        limits = [validate.Length(min=min, max=max)]
        given = kwargs.pop("validate", [])
        super().__init__(validate=limits + (list(given) if isinstance(given, (list, tuple)) else [given]), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kwargs)
        return clean_text(found)


def clean_text(value: str) -> str:
    """Refuse what no database and no message can carry."""
    if "\x00" in value:
        raise ValidationError("NUL characters are not allowed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError("Lone surrogates are not allowed.") from None
    return value


def not_blank(value: str) -> None:
    """What people are to read needs more than spaces."""
    if not value.strip():
        raise ValidationError("This may not be blank.")


def one_line(value: str) -> None:
    if value != "".join(value.splitlines()):
        raise ValidationError("This is one line.")


def can_be_called(url: str) -> None:
    """What would fail each time is refused when it is saved; names are resolved when the call is made."""
    if flaw := runtime().outbound.flaw(url):
        raise ValidationError(flaw)


class PersonName(Text):
    """What somebody is called: it stands in greetings and subjects."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=100, validate=[not_blank, one_line], **kwargs)


def in_order(data: Mapping[str, Any], first: str, last: str, name: str) -> None:
    """Refuse a range that ends before it begins: it would find nothing and say nothing. `name` is the end's in the
    query."""
    if first in data and last in data and data[first] > data[last]:
        raise ValidationError("This lies before the beginning of the range.", name)


class UtcDateTime(fields.AwareDateTime):
    """ISO 8601 in and out; written in UTC with `Z`. A time without an offset is refused."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness"),
        "This must be an ISO 8601 date and time with an offset, such as 2026-01-31T12:00:00Z.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=None, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else iso(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise ValidationError("This time is out of range.") from None


def iso(moment: datetime) -> str:
    """ISO 8601 UTC with Z, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Number(fields.Float):
    """A number in a JSON body: text is none, even if a number could be read from it. (In a query all is text.)"""

    def _validated(self, value: Any) -> float:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Flag(fields.Boolean):
    """true or false in a JSON body, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class FreeJson(fields.Dict):
    """A JSON object of the client's own, bounded in size and depth, without characters that cannot be stored."""

    def __init__(self, *, max_bytes: int = 16_384, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), **kwargs)
        self.max_bytes = max_bytes

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        if _measure(found, depth=1) > self.max_bytes:
            raise ValidationError(f"This object is larger than {self.max_bytes} bytes.")
        return found


def _measure(value: Any, depth: int) -> int:
    """Bytes of text in a JSON value, roughly; refuses depth beyond 20."""
    if depth > 20:
        raise ValidationError("This object is nested too deeply.")
    if isinstance(value, str):
        return len(clean_text(value).encode())
    if isinstance(value, dict):
        return sum(_measure(str(k), depth) + _measure(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return sum(_measure(item, depth + 1) for item in value)
    return 8


class PageQuery(Schema):
    """`?limit=&cursor=&total=` of every list."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(load_default=None, validate=validate.Length(max=2000))
    total = fields.Boolean(load_default=False)


class ProblemField(ma.Schema):
    pointer = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemOut(ma.Schema):
    """RFC 9457, the shape of every error; it allows members of others (OAuth's `error`)."""

    class Meta:
        unknown = ma.INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(allow_none=True)
    code = fields.String(required=True)
    requestId = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemField))
