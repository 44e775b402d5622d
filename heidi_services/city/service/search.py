"""Search for cities by name: names that begin with the query, then names with one typo, then similar names."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.geo import EARTH_RADIUS_KM, unit_vector
from heidi_services.city.name_matching import MIN_LENGTH_FOR_TYPOS, one_typo_away
from heidi_services.city.service.columns import COLUMNS

MAX_CANDIDATES = 200
"""Candidates by name and popularity."""
MAX_CANDIDATES_NEARBY = 500
"""Cities around the point of the search that are candidates too, whatever their popularity."""
MIN_SIMILARITY = 0.35
"""Trigram similarity (0 to 1) that a similar name must have."""

PREFIX = "name LIKE :prefix"
TYPO = "name = ANY(:spellings)"
SIMILAR = f"name % :q AND similarity(name, :q) >= {MIN_SIMILARITY}"
SCORE = {
    PREFIX: "CASE WHEN name = :q THEN 1.0 ELSE 0.6 + 0.3 * length(:q) / length(name) END",
    TYPO: "0.75",
    SIMILAR: "0.7 * similarity(name, :q)",
}
NEARBY_IDS = (
    "SELECT id FROM cities WHERE is_active"  # nosec B608
    f" ORDER BY pos <-> CAST(:place AS cube) LIMIT {MAX_CANDIDATES_NEARBY}"
)
DISTANCE_FACTOR = f"(1 + 1 / (1 + {2 * EARTH_RADIUS_KM / 100} * asin(least(1, chord / 2))))"
"""Doubles the score at the point itself; approaches 1 over hundreds of kilometers."""


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


def search(q: str, *, limit: int, country: str | None = None, point: tuple[float, float] | None = None) -> SearchResult:
    """Search active cities by name. More popular cities and cities closer to the point come first.

    Typos are considered only if fewer than `limit` cities begin with the query, none of them has exactly this name,
    and the query has four letters or more. Similar names are considered only if there is no other match.

    Args:
        q: The query, folded by `name_matching.fold`.
        limit: The maximum number of cities.
        country: Only cities of this country (ISO 3166-1 alpha-2).
        point: (latitude, longitude) in degrees.
    """
    parameters = _parameters(q, limit, country, point)
    rows = _matches(PREFIX, parameters | {"prefix": f"{q}%"})
    if len(rows) < limit and len(q) >= MIN_LENGTH_FOR_TYPOS and not any(row.exact for row in rows):
        rows = _merge(rows, _matches(TYPO, parameters | {"spellings": one_typo_away(q)}))
        rows = rows or _matches(SIMILAR, parameters)
    return SearchResult(rows[:limit], len(rows) > limit, point)


def _parameters(q: str, limit: int, country: str | None, point: tuple[float, float] | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {"q": q, "limit": limit + 1}
    if country is not None:
        parameters["country"] = country
    if point is not None:
        x, y, z = unit_vector(*point)
        parameters["place"] = f"({x!r},{y!r},{z!r})"
    return parameters


def _matches(condition: str, parameters: dict[str, Any]) -> list[Row]:
    return _statement(condition, "country" in parameters, "place" in parameters).all(**parameters)


def _merge(first: list[Row], second: list[Row]) -> list[Row]:
    """Combine both lists in descending order of the score, each city once."""
    seen = {row.id for row in first}
    merged = first + [row for row in second if row.id not in seen]
    return sorted(merged, key=lambda row: -row.score)


@cache
def _statement(condition: str, country: bool, point: bool) -> CompiledStatement:
    chord = "pos <-> CAST(:place AS cube)" if point else "0"
    sql = (
        f"SELECT {COLUMNS}, chord, exact, score * {DISTANCE_FACTOR if point else '1'} AS score"  # nosec  # B608: constants
        f" FROM (SELECT cities.*, hits.score, hits.exact, {chord} AS chord"
        f" FROM ({_candidates(condition, country, point)}) hits JOIN cities ON id = city_id) pool"
        " ORDER BY score DESC, id LIMIT :limit"
    )
    return CompiledStatement(text(sql))


def _candidates(condition: str, country: bool, point: bool) -> str:
    """Build the SQL that scores the candidates: the best by name and popularity, and those around the point."""
    rated = f"max(({SCORE[condition]}) * weight) AS score, bool_or(name = :q) AS exact"
    scored = f"SELECT city_id, {rated} FROM city_names"  # nosec  # B608: constants
    where = f"WHERE {condition}" + (" AND city_names.country = :country" if country else "")
    best = f"{scored} {where} GROUP BY city_id ORDER BY score DESC LIMIT {MAX_CANDIDATES}"
    if not point:
        return best
    close = f"{scored} JOIN ({NEARBY_IDS}) close ON close.id = city_id {where} GROUP BY city_id"
    both = f"({best}) UNION ALL ({close})"
    together = "city_id, max(score) AS score, bool_or(exact) AS exact"
    return f"SELECT {together} FROM ({both}) either GROUP BY city_id"  # nosec  # B608: constants
