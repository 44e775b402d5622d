"""Search for cities: a name alone, or a name that is followed by its region, its country or a postal code."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from heidi_common.database.compiled import Row
from heidi_services.city.name_matching import MIN_LENGTH_FOR_TYPOS, one_typo_away
from heidi_services.city.place_query import PlaceQuery, Reading
from heidi_services.city.service import region_filter
from heidi_services.city.service.candidates import PREFIX, SIMILAR, TYPO, SearchScope, match
from heidi_services.city.service.city_filter import NO_FILTER, CityFilter
from heidi_services.city.service.region_filter import Gazetteer, Places
from heidi_services.city.spellings import spellings

MAX_READINGS = 8
"""How many ways to read a text are searched."""


class SearchResult(NamedTuple):
    """The cities that match a search.

    Attributes:
        rows: Rows with COLUMNS and `score`, best first; with `chord` (0 to 2, on the unit sphere) if there is a point.
        more: Whether there are further cities.
        point: (latitude, longitude) of the search, in degrees.
    """

    rows: list[Row]
    more: bool
    point: tuple[float, float] | None


def search(
    query: PlaceQuery, *, limit: int, where: CityFilter = NO_FILTER, point: tuple[float, float] | None = None
) -> SearchResult:
    """Search active cities by name. More popular cities and cities closer to the point come first.

    The whole text is a name first. If no city has exactly this name, the text is read as a name and what follows it:
    regions and countries narrow the result; unknown words after a comma, and postal codes, are ignored.

    Args:
        query: The text, parsed by `place_query.parse`.
        limit: The maximum number of cities.
        where: Which cities; by default without districts.
        point: (latitude, longitude) in degrees.
    """
    scope = SearchScope(where, limit, point)
    rows = _named(query, query.text, scope)
    if query.is_qualified and not _has_exact(rows):
        rows = _qualified(query, scope, rows)
    if len(rows) <= limit and not _has_exact(rows):
        rows = rows if query.is_qualified and rows else _with_typos(query.text, scope, rows)
    return SearchResult(rows[:limit], len(rows) > limit, point)


def _named(query: PlaceQuery, name: str, scope: SearchScope) -> list[Row]:
    """Find the cities with a name that begins with `name`, a part of the query, or with another spelling of it."""
    return match(PREFIX, scope, [*spellings(name), *query.latin.get(name, ())])


def _has_exact(rows: list[Row]) -> bool:
    return any(row.exact for row in rows)


def _with_typos(name: str, scope: SearchScope, rows: list[Row]) -> list[Row]:
    """Add names that are one typo away; if there are none, similar names. Too short a name is left as it is."""
    if len(name) < MIN_LENGTH_FOR_TYPOS:
        return rows
    rows = _merge(rows, match(TYPO, scope, [name], spellings=one_typo_away(name)))
    return rows or match(SIMILAR, scope, [name])


def _qualified(query: PlaceQuery, scope: SearchScope, prefixed: list[Row]) -> list[Row]:
    """Find the cities of the first reading with a city of exactly its name, else of the first with any city.

    Args:
        query: The text.
        scope: Among which cities to search.
        prefixed: The cities with a name that begins with the whole text: they are kept.
    """
    readings = _possible(query, scope)
    fallback: list[Row] = []
    for reading, narrowed in readings:
        rows = _named(query, reading.name, narrowed)
        if _has_exact(rows):
            return _merge(rows, prefixed)
        if reading.name == readings[0][0].name:  # a city that merely begins like the region is not meant
            fallback = fallback or rows
    return prefixed or fallback or _less_exactly(query, scope, readings[:1])


def _less_exactly(query: PlaceQuery, scope: SearchScope, readings: list[tuple[Reading, SearchScope]]) -> list[Row]:
    """Find the name without what follows its comma, since there is no such place; else names with a typo."""
    rows = _named(query, query.parts[0], scope) if len(query.parts) > 1 else []
    if _has_exact(rows):
        return rows
    typos = (_with_typos(reading.name, narrowed, []) for reading, narrowed in readings)
    return next(filter(None, typos), rows)


def _possible(query: PlaceQuery, scope: SearchScope) -> list[tuple[Reading, SearchScope]]:
    """Return the readings that make sense, each with the scope that its qualifiers leave, the most likely first."""
    known = region_filter.known_places(query)
    possible = ((reading, places) for reading in query.readings() for places in _places(reading, known))
    return [(reading, scope._replace(places=places)) for reading, places in islice(possible, MAX_READINGS)]


def _places(reading: Reading, known: Gazetteer) -> Iterator[Places]:
    """Yield what the qualifiers of a reading can mean. If none is known, one may be misspelt, or all are ignored."""
    places = region_filter.resolve(reading, known.regions)
    if places:
        yield places
    counties = region_filter.resolve(reading, known.counties)
    if counties and counties != places:
        yield counties
    if places == frozenset() and not counties:
        yield from filter(None, [region_filter.resolve(reading, region_filter.misspelt_places(reading))])
        yield places


def _merge(first: list[Row], second: list[Row]) -> list[Row]:
    """Combine both lists in descending order of the score, each city once."""
    seen = {row.id for row in first}
    merged = first + [row for row in second if row.id not in seen]
    return sorted(merged, key=lambda row: -row.score)
