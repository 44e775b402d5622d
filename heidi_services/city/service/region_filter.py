"""What the words after a city's name stand for: countries and regions that narrow the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
from heidi_services.city.gazetteer.place_name import Level
from heidi_services.city.name_matching import one_typo_away
from heidi_services.city.place_query import PlaceQuery, Reading, phrases
from heidi_services.city.spellings import spellings

MIN_LENGTH_FOR_TYPOS = 5
"""Shorter names of regions are one typo away from too many others."""

Places: TypeAlias = frozenset[tuple[str, str]]
"""Countries and regions: (ISO 3166-1 alpha-2, GeoNames code of the region or an empty string)."""

KnownPlaces: TypeAlias = Mapping[str, Places]
"""Folded name -> the places that it can stand for."""

_NAMED = CompiledStatement(
    text("SELECT DISTINCT name, country, region, level FROM place_names WHERE name = ANY(:names) AND level <= :level")
)


class Gazetteer(NamedTuple):
    """The places that the words of a query can stand for.

    Attributes:
        regions: Names of countries and regions.
        counties: These, and names of parts of regions. Many are called like a region elsewhere: Ohio in Kentucky.
    """

    regions: KnownPlaces
    counties: KnownPlaces


def known_places(query: PlaceQuery) -> Gazetteer:
    """Look up every sequence of words of a query that is the name or code of a country or region: one statement."""
    candidates = {phrase for part in (query.text, *query.parts) for phrase in phrases(part)}
    spelled = {phrase: spellings(phrase) for phrase in candidates}
    rows = _NAMED.all(names=list({form for forms in spelled.values() for form in forms}), level=int(Level.COUNTY))
    regions = _united(spelled, (row for row in rows if row.level < Level.COUNTY))
    return Gazetteer(regions, _united(spelled, rows))


def misspelt_places(reading: Reading) -> KnownPlaces:
    """Look up the qualifiers of a reading as if each were a country or region with one typo."""
    typos = {q: one_typo_away(q) for q in reading.qualifiers if len(q) >= MIN_LENGTH_FOR_TYPOS}
    names = [typo for words in typos.values() for typo in words]
    return _united(typos, _NAMED.all(names=names, level=int(Level.REGION)) if names else [])


def resolve(reading: Reading, known: KnownPlaces) -> Places | None:
    """Find the places that all qualifiers of a reading agree on.

    Returns:
        The places; empty if no qualifier is known or there are none; None if the reading is impossible: the qualifiers
        contradict each other, or a word is unknown that must be known.
    """
    meanings: list[Places] = []
    for qualifier in reading.qualifiers:
        parts = _segment(qualifier, known)
        if parts is None and reading.complete:
            return None
        meanings += parts or _known_words(qualifier, known)
    return _agreed(meanings)


def _united(spelled: Mapping[str, list[str]], rows: Iterable[Any]) -> KnownPlaces:
    """Return phrase -> the places that any of its spellings stands for; without phrases that stand for none."""
    places: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        places.setdefault(row.name, set()).add((row.country, row.region))
    united = {phrase: frozenset().union(*(places.get(form, ()) for form in forms)) for phrase, forms in spelled.items()}
    return {phrase: meaning for phrase, meaning in united.items() if meaning}


def _segment(qualifier: str, known: KnownPlaces) -> list[Places] | None:
    """Divide words into as few names as possible: `illinois usa`. None if that is impossible."""
    if qualifier in known:
        return [known[qualifier]]
    words = qualifier.split()
    for at in range(len(words) - 1, 0, -1):
        head = known.get(" ".join(words[:at]))
        rest = _segment(" ".join(words[at:]), known) if head else None
        if head and rest:
            return [head, *rest]
    return None


def _known_words(qualifier: str, known: KnownPlaces) -> list[Places]:
    """Return the meaning of the longest known ending: the state in `Greene County Missouri`."""
    words = qualifier.split()
    endings = (" ".join(words[at:]) for at in range(len(words)))
    return next(([known[ending]] for ending in endings if ending in known), [])


def _agreed(meanings: Sequence[Places]) -> Places | None:
    if not meanings:
        return frozenset()
    return reduce(_intersection, meanings) or None


def _intersection(first: Places, second: Places) -> Places:
    """Return the more specific place of each pair of places of which one is in the other."""
    return frozenset(_specific(first, second))


def _specific(first: Places, second: Places) -> Iterator[tuple[str, str]]:
    for country, region in first:
        for other_country, other_region in second:
            if country == other_country and (not region or not other_region or region == other_region):
                yield country, region or other_region
