"""Fields of schemas: text without traps, times in UTC, numbers and flags that are not coerced."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.schemas.validators import not_blank, one_line


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


class PersonName(Text):
    """What somebody is called: it stands in greetings and subjects."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=100, validate=[not_blank, one_line], **kwargs)


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
        if _text_bytes(found, depth=1) > self.max_bytes:
            raise ValidationError(f"This object is larger than {self.max_bytes} bytes.")
        return found


def _text_bytes(value: Any, depth: int) -> int:
    """Bytes of text in a JSON value, roughly; refuses depth beyond 20."""
    if depth > 20:
        raise ValidationError("This object is nested too deeply.")
    if isinstance(value, str):
        return len(clean_text(value).encode())
    if isinstance(value, dict):
        return sum(_text_bytes(str(k), depth) + _text_bytes(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return sum(_text_bytes(item, depth + 1) for item in value)
    return 8
