"""Search by name: what begins with the words, then what is one slip away, then what merely looks alike."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.geo import EARTH_RADIUS_KM, unit_vector
from heidi_services.city.name_matching import SHORTEST_FOR_TYPOS, one_typo_away
from heidi_services.city.service.columns import COLUMNS

POOL = 200
"""So many candidates by name and fame; the point then orders these and the ones around it."""
AROUND = 500
ALIKE = 0.35
"""Trigram similarity from which on a name is offered."""

PREFIX = "name LIKE :prefix"
TYPO = "name = ANY(:spellings)"
LOOKALIKE = f"name % :q AND similarity(name, :q) >= {ALIKE}"
SIMILARITY = {
    PREFIX: "CASE WHEN name = :q THEN 1.0 ELSE 0.6 + 0.3 * length(:q) / length(name) END",
    TYPO: "0.75",
    LOOKALIKE: "0.7 * similarity(name, :q)",
}
CLOSE = f"SELECT id FROM cities WHERE is_active ORDER BY pos <-> CAST(:place AS cube) LIMIT {AROUND}"  # nosec B608
NEARNESS = f"(1 + 1 / (1 + {2 * EARTH_RADIUS_KM / 100} * asin(least(1, chord / 2))))"
"""Doubles the score on the spot and fades with hundreds of kilometres."""


class Found(NamedTuple):
    """Rows with `score`, best first, and with `chord` when there is a point."""

    rows: list[Row]
    more: bool
    point: tuple[float, float] | None


def search(q: str, *, limit: int, country: str | None = None, point: tuple[float, float] | None = None) -> Found:
    """Active cities for a folded question (see `search.fold`); better-known and nearer ones first.

    Slips are looked for when fewer cities begin with the question than were asked for, none has just this name and
    it has four letters or more; look-alikes only when nothing else was found.
    """
    values: dict[str, Any] = {"q": q, "limit": limit + 1}
    if country is not None:
        values["country"] = country
    if point is not None:
        x, y, z = unit_vector(*point)
        values["place"] = f"({x!r},{y!r},{z!r})"
    found = _matching(PREFIX, values | {"prefix": f"{q}%"})
    if len(found) < limit and len(q) >= SHORTEST_FOR_TYPOS and not any(row.exact for row in found):
        found = _best(found, _matching(TYPO, values | {"spellings": one_typo_away(q)}))
        found = found or _matching(LOOKALIKE, values)
    return Found(found[:limit], len(found) > limit, point)


def _matching(match: str, values: dict[str, Any]) -> list[Row]:
    return _statement(match, "country" in values, "place" in values).all(**values)


def _best(first: list[Row], second: list[Row]) -> list[Row]:
    """Both together, each city once, in order of the score."""
    seen = {found.id for found in first}
    merged = first + [found for found in second if found.id not in seen]
    return sorted(merged, key=lambda found: -found.score)


@cache
def _statement(match: str, country: bool, point: bool) -> CompiledStatement:
    chord = "pos <-> CAST(:place AS cube)" if point else "0"
    sql = (
        f"SELECT {COLUMNS}, chord, exact, score * {NEARNESS if point else '1'} AS score"  # nosec  # B608: constants
        f" FROM (SELECT cities.*, hits.score, hits.exact, {chord} AS chord"
        f" FROM ({_hits(match, country, point)}) hits JOIN cities ON id = city_id) pool"
        " ORDER BY score DESC, id LIMIT :limit"
    )
    return CompiledStatement(text(sql))


def _hits(match: str, country: bool, point: bool) -> str:
    """The candidates with their scores: the best by name and fame, with a point also those around it."""
    rated = f"max(({SIMILARITY[match]}) * weight) AS score, bool_or(name = :q) AS exact"
    scored = f"SELECT city_id, {rated} FROM city_names"  # nosec  # B608: constants
    condition = f"WHERE {match}" + (" AND city_names.country = :country" if country else "")
    best = f"{scored} {condition} GROUP BY city_id ORDER BY score DESC LIMIT {POOL}"
    if not point:
        return best
    close = f"{scored} JOIN ({CLOSE}) close ON close.id = city_id {condition} GROUP BY city_id"
    both = f"({best}) UNION ALL ({close})"
    together = "city_id, max(score) AS score, bool_or(exact) AS exact"
    return f"SELECT {together} FROM ({both}) either GROUP BY city_id"  # nosec  # B608: constants
