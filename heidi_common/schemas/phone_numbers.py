"""Phone numbers, stored in E.164 format.

Source: https://www.itu.int/rec/T-REC-E.164 (15 digits at most); RFC 3966 for the separators and `tel:`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from marshmallow import ValidationError

from heidi_common.schemas.fields import Text

MAX_LENGTH = 64
"""Of what is entered, with separators. A stored number has at most 16 characters."""
E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TRUNK_PREFIX = re.compile(r"\(0\)")
"""In `+49 (0)30 123456` the zero is dialed within the country only."""
_SEPARATORS = re.compile(r"[\s().\-/\u00b7\u2010-\u2015\u2212\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Spaces, punctuation, and the invisible marks that address books and web pages put around a number."""


class PhoneNumber(Text):
    """A phone number with its country code. It may be entered with spaces and punctuation."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max=MAX_LENGTH, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return format_phone_number(super()._deserialize(value, attr, data, **kwargs))


def format_phone_number(text: str) -> str:
    """Write a phone number in E.164 format.

    Args:
        text: Such as `+49 (0)30 12 34-56`, `0049 30 123456` or `tel:+1-202-555-0100`, in any digits of Unicode.

    Returns:
        `+` and 7 to 15 digits.

    Raises:
        ValidationError: It is not a number with a country code.
    """
    number = _SEPARATORS.sub("", _TRUNK_PREFIX.sub("", _ascii_digits(text).strip())).removeprefix("tel:")
    number = f"+{number[2:]}" if number.startswith("00") else number
    if not E164.fullmatch(number):
        raise ValidationError("Must be a phone number with its country code, such as +4930123456 or +49 30 123456.")
    return number


def _ascii_digits(text: str) -> str:
    """Replace the digits of other scripts, and the full-width plus sign, by those of ASCII."""
    normalized = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.digit(character, character)) for character in normalized)
