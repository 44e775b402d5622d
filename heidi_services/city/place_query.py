"""What a search text says: the name of a place, and what follows it, such as a region, a country or a postal code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from heidi_services.city.name_matching import fold
from heidi_services.city.spellings import romanized

MAX_WORDS = 12
"""Longer texts are searched as a single name: the number of their parts grows with the square of their length."""

MAX_CODE_LENGTH = 3

_SEPARATORS = re.compile("[,;،؛，；、|\n()\\[\\]（）【】]| / | [-–—] ")
# `D-10115`, `10115`, `SW1A 1AA`, `M5V 2T6`, `100-0001`: every word with a digit, with an optional country prefix.
_POSTAL = re.compile(r"\b(?:[A-Z]{1,3}-)?(?=[\w-]*\d)[\w-]+", re.ASCII)


class Reading(NamedTuple):
    """One way to read a text.

    Attributes:
        name: The folded name of the place.
        qualifiers: The folded texts that narrow the result.
        complete: Whether every word of the qualifiers must be known, because no comma separates them from the name.
    """

    name: str
    qualifiers: tuple[str, ...]
    complete: bool


class PlaceQuery(NamedTuple):
    """A parsed search text.

    Attributes:
        text: All of it, folded.
        parts: Its parts between commas, folded, without postal codes.
        latin: Text or part -> its Latin spellings, if it is written in kana.
    """

    text: str
    parts: tuple[str, ...]
    latin: Mapping[str, list[str]] = MappingProxyType({})

    @property
    def is_qualified(self) -> bool:
        """Whether it can be more than a name."""
        return self.parts != (self.text,) or (" " in self.text and len(self.text.split()) <= MAX_WORDS)

    def readings(self) -> Iterator[Reading]:
        """Yield the ways to read the text, the most likely first."""
        if len(self.parts) > 1:
            yield from self._by_commas()
        if self.parts:
            yield from self._by_words()

    def _by_commas(self) -> Iterator[Reading]:
        """`Paris, Texas`; `Portland ME, USA`; then `Japan, Tokyo` and `10 Downing Street, London, UK`."""
        first, *rest = self.parts
        yield Reading(first, tuple(rest), complete=False)
        for name, qualifier in _splits(first):
            yield Reading(name, (qualifier, *rest), complete=True)
        for index, part in reversed(list(enumerate(self.parts))[1:]):
            if not _is_code(part):
                yield Reading(part, (*self.parts[:index], *self.parts[index + 1 :]), complete=False)

    def _by_words(self) -> Iterator[Reading]:
        """`Portland ME`, then `日本 東京`. Longer names come first: `New York NY`."""
        text = " ".join(self.parts)
        if text != self.text:
            yield Reading(text, (), complete=True)
        splits = list(_splits(text))
        yield from (Reading(name, (qualifier,), complete=True) for name, qualifier in splits)
        reversed_splits = (split for split in splits if not _is_code(split[1]))
        yield from (Reading(name, (qualifier,), complete=True) for qualifier, name in reversed_splits)


def parse(text: str) -> PlaceQuery:
    """Parse a search text. Its `text` is empty if it contains no letter and no digit."""
    folded = fold(text)
    written = [_POSTAL.sub(" ", part) for part in _SEPARATORS.split(text)]
    parts = tuple(filter(None, map(fold, written)))
    latin = {fold(part): forms for part in (text, *written) if (forms := romanized(part))}
    return PlaceQuery(folded, parts or ((folded,) if folded else ()), latin)


def phrases(text: str) -> Iterator[str]:
    """Yield every sequence of consecutive words of a folded text."""
    words = text.split()
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield " ".join(words[start:end])


def _is_code(text: str) -> bool:
    """Whether a text is more likely the code of a region than the name of a city that follows its region."""
    return text.isascii() and len(text) <= MAX_CODE_LENGTH


def _splits(text: str) -> Iterator[tuple[str, str]]:
    words = text.split()
    if len(words) <= MAX_WORDS:
        for at in range(len(words) - 1, 0, -1):
            yield " ".join(words[:at]), " ".join(words[at:])
