"""A field for a duration, as people type it: `15m`, `1h 30m`, `2d`, or in ISO 8601 (`PT15M`)."""

from __future__ import annotations

import re
from typing import Any

from wtforms import StringField, ValidationError

from heidi_console.translations import translate

SECONDS = {"w": 7 * 86_400, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_TYPED = re.compile(r"(?:\s*(\d{1,8})\s*(w|d|h|m|min|s)\s*)+", re.IGNORECASE)
_PART = re.compile(r"(\d+)\s*(w|d|h|m|s)", re.IGNORECASE)
_ISO = re.compile(r"P(?:\d+W)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?", re.IGNORECASE)


class DurationField(StringField):  # type: ignore[misc]
    """A duration. `seconds` and `iso` are None if nothing was typed."""

    def pre_validate(self, form: Any) -> None:
        """Require a duration, or nothing."""
        if (self.data or "").strip() and not self.seconds:
            raise ValidationError(translate("Must be a duration such as 15m, 1h 30m, 2d or PT15M."))

    @property
    def seconds(self) -> int | None:
        text = (self.data or "").strip()
        if not (_TYPED.fullmatch(text) or _ISO.fullmatch(text)):
            return None
        return sum(int(number) * SECONDS[unit.lower()] for number, unit in _PART.findall(text)) or None

    @property
    def iso(self) -> str | None:
        """In ISO 8601, for the API."""
        return None if self.seconds is None else f"P{_joined(self.seconds)}"


def _joined(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if number)
    return (f"{days}D" if days else "") + (f"T{time}" if time else "")


def short(seconds: int) -> str:
    """A duration as the field accepts it: `1h 30m`."""
    parts = []
    for unit in ("d", "h", "m", "s"):
        number, seconds = divmod(seconds, SECONDS[unit])
        parts += [f"{number}{unit}"] if number else []
    return " ".join(parts)


def short_iso(text: str | None) -> str:
    """A duration in ISO 8601 as the field accepts it; empty if there is none."""
    return short(sum(int(number) * SECONDS[unit.lower()] for number, unit in _PART.findall(text or "")))
