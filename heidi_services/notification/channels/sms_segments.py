"""The segments in which a text message is transmitted and billed.

Source: 3GPP TS 23.038 (the alphabet GSM-7) and TS 23.040 (concatenation).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""These take two septets: an escape, which must stand in the same segment, and a character."""

MAX_SEGMENTS = 10
"""Longer messages are rejected or delivered in part by many networks."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How a text message is divided.

    Attributes:
        encoding: `GSM-7`, or `UCS-2` if a character is not in that alphabet.
        segments: At least 1.
        units: Septets of GSM-7, or 16-bit units of UCS-2.
    """

    encoding: str
    segments: int
    units: int

    @property
    def most_units(self) -> int:
        """The units of MAX_SEGMENTS segments."""
        return MAX_SEGMENTS * (153 if self.encoding == "GSM-7" else 67)


def segmentation(text: str) -> Segmentation:
    """Divide a text into segments.

    A message of one segment has 160 septets or 70 units. The segments of a longer one have 153 or 67, because each has
    a header, and none of them ends within a character.
    """
    if _BASIC.union(_EXTENDED).issuperset(text):
        return _divided("GSM-7", [2 if character in _EXTENDED else 1 for character in text], 160, 153)
    return _divided("UCS-2", [2 if character > "\uffff" else 1 for character in text], 70, 67)


def _divided(encoding: str, sizes: list[int], single: int, part: int) -> Segmentation:
    units = sum(sizes)
    return Segmentation(encoding, 1 if units <= single else _parts(sizes, part), units)


def _parts(sizes: Iterable[int], part: int) -> int:
    count, used = 1, 0
    for size in sizes:
        if used + size > part:
            count, used = count + 1, 0
        used += size
    return count
