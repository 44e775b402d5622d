"""Shorten text between two graphemes: what people see as one character may be several, such as a flag or an emoji."""

from __future__ import annotations

from collections.abc import Callable

import regex

ELLIPSIS = "\u2026"
_GRAPHEME = regex.compile(r"\X")


def shorten(text: str, limit: int, size: Callable[[str], int]) -> str:
    """Return the text, or as much of its beginning as fits with an ellipsis.

    Args:
        limit: The most that `size` may return for the result.
        size: The size of a text as it is transmitted. The size of two texts is the sum of their sizes.

    Source: Unicode Standard Annex 29, extended grapheme clusters.
    """
    if size(text) <= limit:
        return text
    beginning = _beginning(text, limit - size(ELLIPSIS), size)
    return beginning.rstrip() + ELLIPSIS


def _beginning(text: str, limit: int, size: Callable[[str], int]) -> str:
    """A first grapheme that is longer than the limit, such as a letter with thousands of accents, is divided."""
    used = end = 0
    for match in _GRAPHEME.finditer(text):
        used += size(match[0])
        if used > limit:
            break
        end = match.end()
    if end == 0:
        used = 0
        while end < len(text) and (used := used + size(text[end])) <= limit:
            end += 1
    return text[:end]
