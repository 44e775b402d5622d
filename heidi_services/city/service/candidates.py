"""The statement that matches names: it scores the candidates by name and popularity, and those around a point."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.enums import KindFilter
from heidi_services.city.geo import EARTH_RADIUS_KM, unit_vector
from heidi_services.city.service.city_filter import CityFilter
from heidi_services.city.service.columns import COLUMNS
from heidi_services.city.service.region_filter import Places

MAX_CANDIDATES = 200
"""Candidates by name and popularity."""
MAX_CANDIDATES_NEARBY = 500
"""Cities around the point of the search that are candidates too, whatever their popularity."""
MIN_SIMILARITY = 0.35
"""Trigram similarity (0 to 1) that a similar name must have."""

PREFIX = "PREFIX"
TYPO = "name = ANY(:spellings)"
SIMILAR = f"name % :q AND similarity(name, :q) >= {MIN_SIMILARITY}"
_SCORE = {
    PREFIX: "CASE WHEN name = ANY(:forms) THEN 1.0 ELSE 0.6 + 0.3 * least(1, length(:q) * 1.0 / length(name)) END",
    TYPO: "0.75",
    SIMILAR: "0.7 * similarity(name, :q)",
}
_NEARBY_IDS = (
    "SELECT id FROM cities WHERE is_active"  # nosec B608
    f" ORDER BY pos <-> CAST(:place AS cube) LIMIT {MAX_CANDIDATES_NEARBY}"
)
_DISTANCE_FACTOR = f"(1 + 1 / (1 + {2 * EARTH_RADIUS_KM / 100} * asin(least(1, chord / 2))))"
"""Doubles the score at the point itself; approaches 1 over hundreds of kilometers."""
_OWN_NAME = r"""trim(regexp_replace(replace(sort_name, chr(39), ''), '[^[\:alnum\:]]+', ' ', 'g')) = ANY(:forms)"""
_OWN_NAME_FACTOR = f"(CASE WHEN exact AND {_OWN_NAME} THEN 1.06 ELSE 1 END)"
"""Prefers Islamabad to Chattogram, of which it is a former name. A tenfold population is worth the same."""
_PLACES = "(cities.country = ANY(:whole_countries) OR cities.country || '.' || cities.state = ANY(:regions))"


class SearchScope(NamedTuple):
    """Among which cities to search, and how many to return.

    Attributes:
        where: Conditions of the request.
        limit: The maximum number of cities.
        point: (latitude, longitude) in degrees: cities around it come first.
        places: Countries and regions that the text of the search names; empty for all.
    """

    where: CityFilter
    limit: int
    point: tuple[float, float] | None
    places: Places = frozenset()


def match(condition: str, scope: SearchScope, forms: list[str], **values: Any) -> list[Row]:
    """Return the best matches as rows with COLUMNS, `chord`, `exact` and `score`, best first.

    Args:
        condition: PREFIX, TYPO or SIMILAR.
        scope: Among which cities to search.
        forms: The spellings of the name, folded; scores refer to the first one.
        values: Parameters of the condition.
    """
    prefixes = {f"prefix{number}": f"{form}%" for number, form in enumerate(forms)} if condition == PREFIX else {}
    statement = _statement(condition, len(prefixes), scope.where, bool(scope.places), scope.point is not None)
    return statement.all(q=forms[0], forms=forms, **prefixes, **values, **_parameters(scope))


def _parameters(scope: SearchScope) -> dict[str, Any]:
    parameters: dict[str, Any] = {"limit": scope.limit + 1} | scope.where.parameters()
    if scope.places:
        parameters["whole_countries"] = [country for country, region in scope.places if not region]
        parameters["regions"] = [f"{country}.{region}" for country, region in scope.places if region]
        parameters["name_countries"] = sorted({country for country, _ in scope.places})
    if scope.point is not None:
        x, y, z = unit_vector(*scope.point)
        parameters["place"] = f"({x!r},{y!r},{z!r})"
    return parameters


def _statement(condition: str, prefixes: int, where: CityFilter, places: bool, point: bool) -> CompiledStatement:
    early, late = _conditions(where, places)
    return _compiled(condition, prefixes, early, late, point)


def _conditions(where: CityFilter, places: bool) -> tuple[str, str]:
    """Divide the conditions into those that candidates must meet, and those that are checked on the candidates.

    Most cities are not districts, so leaving these out can wait until few candidates are left. All other conditions
    leave few cities.
    """
    early = where.sql + (f" AND {_PLACES} AND city_names.country = ANY(:name_countries)" if places else "")
    if where.kind == KindFilter.CITY:
        late = CityFilter().sql
        return early.replace(late, "", 1), late
    return early, ""


@cache
def _compiled(condition: str, prefixes: int, early: str, late: str, point: bool) -> CompiledStatement:
    chord = "pos <-> CAST(:place AS cube)" if point else "0"
    factor = f"{_OWN_NAME_FACTOR} * {_DISTANCE_FACTOR}" if point else _OWN_NAME_FACTOR
    sql = (
        f"SELECT {COLUMNS}, chord, exact, score * {factor} AS score"  # nosec  # B608: constants
        f" FROM (SELECT cities.*, hits.score, hits.exact, {chord} AS chord"
        f" FROM ({_candidates(condition, prefixes, early, point)}) hits JOIN cities ON id = city_id"
        f" WHERE true{late}) pool ORDER BY score DESC, id LIMIT :limit"
    )
    return CompiledStatement(text(sql))


def _candidates(condition: str, prefixes: int, early: str, point: bool) -> str:
    """Build the SQL that scores the candidates: the best by name and popularity, and those around the point."""
    rated = f"max(({_SCORE[condition]}) * weight) AS score, bool_or(name = ANY(:forms)) AS exact"
    scored = f"SELECT city_id, {rated} FROM {'city_names' if not early else _JOINED}"  # nosec  # B608: constants
    likes = " OR ".join(f"name LIKE :prefix{number}" for number in range(prefixes))
    where = f"WHERE ({likes or condition}){early}"
    best = f"{scored} {where} GROUP BY city_id ORDER BY score DESC LIMIT {MAX_CANDIDATES}"
    if not point:
        return best
    close = f"{scored} JOIN ({_NEARBY_IDS}) close ON close.id = city_id {where} GROUP BY city_id"
    both = f"({best}) UNION ALL ({close})"
    together = "city_id, max(score) AS score, bool_or(exact) AS exact"
    return f"SELECT {together} FROM ({both}) either GROUP BY city_id"  # nosec  # B608: constants


_JOINED = (
    "city_names JOIN (SELECT id AS joined_id, country, state, population, latitude, longitude, pos, kind"
    " FROM cities) cities ON cities.joined_id = city_id"
)
