"""Fields of schemas: text that can be stored, times in UTC, numbers and booleans without coercion."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields

from heidi_common.schemas import person_names
from heidi_common.schemas.validators import Length, not_blank, one_line

MAX_DEPTH = 20


class Text(fields.String):
    """Text without NUL characters and lone surrogates, which PostgreSQL and JSON encoders reject.

    Args:
        min: Minimum length in characters.
        max: Maximum length in characters.
        kwargs: Arguments of marshmallow's String; `validate` adds validators to the limits.
    """

    def __init__(self, *, min: int = 1, max: int = 255, **kwargs: Any) -> None:
        limits = [Length(min=min, max=max)]
        further = kwargs.pop("validate", [])
        validators = list(further) if isinstance(further, (list, tuple)) else [further]
        super().__init__(validate=limits + validators, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return clean_text(super()._deserialize(value, attr, data, **kwargs))


def clean_text(value: str) -> str:
    """Return the text unchanged if it can be stored and sent.

    Raises:
        ValidationError: It contains a NUL character or a lone surrogate.
    """
    if "\x00" in value:
        raise ValidationError("Must not contain NUL characters.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError("Must not contain lone surrogates.") from None
    return value


class PersonName(Text):
    """A first or last name: a single line without links, since greetings and subjects of e-mails contain it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=100, validate=[not_blank, one_line, _harmless], **kwargs)


def _harmless(name: str) -> None:
    if error := person_names.name_error(name):
        raise ValidationError(error)


class UtcDateTime(fields.AwareDateTime):
    """A date and time in ISO 8601 with an offset, which is required. It is converted to UTC and written with `Z`."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness"),
        "Must be an ISO 8601 date and time with an offset, such as 2026-01-31T12:00:00Z.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=None, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else iso(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise ValidationError("Must be in the years 1 to 9999 in UTC.") from None


def iso(at: datetime) -> str:
    """Format an aware datetime as ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_exact(at: datetime) -> str:
    """Format an aware datetime as ISO 8601 in UTC with microseconds, for comparison with stored times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


class Number(fields.Float):
    """A number in a JSON body. Text is rejected even if it looks like a number. (Not for queries: they are text.)"""

    def _validated(self, value: Any) -> float:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Flag(fields.Boolean):
    """A boolean in a JSON body: `true` or `false`. Numbers and text are rejected."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class TotalField(fields.Boolean):
    """Whether a list is requested with its total: `true`, `false`, or `exact`, which counts however long that takes."""

    EXACT = "exact"

    def __init__(self, **kwargs: Any) -> None:
        about = "`true`: exact up to 10,000, above an estimate; `exact` (ADMIN only): always counted"
        documented = {"type": "string", "enum": ["true", "false", self.EXACT], "default": "false", "description": about}
        super().__init__(metadata=documented, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value == self.EXACT else super()._deserialize(value, attr, data, **kwargs)


class FreeJson(fields.Dict):
    """A JSON object with free keys, at most 20 levels deep, of text that can be stored.

    Args:
        max_bytes: Maximum size, estimated: bytes of all text, and 8 for every other value.
        kwargs: Arguments of marshmallow's Dict.
    """

    def __init__(self, *, max_bytes: int = 16_384, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), **kwargs)
        self.max_bytes = max_bytes

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        members: dict[Any, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        size = _estimated_bytes(members, depth=1)
        if size > self.max_bytes:
            raise ValidationError(f"Must have at most {self.max_bytes} bytes, but has about {size}.")
        return members


def _estimated_bytes(value: Any, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise ValidationError(f"Must not be nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        return len(clean_text(value).encode())
    if isinstance(value, dict):
        return sum(_estimated_bytes(str(k), depth) + _estimated_bytes(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return sum(_estimated_bytes(item, depth + 1) for item in value)
    return 8
