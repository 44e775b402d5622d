"""The nearest cities, exact on the sphere."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.geo import chord_of_km, unit_vector
from heidi_services.city.service import cities
from heidi_services.city.service.columns import COLUMNS

ROUNDING = 1e-12
"""A few micrometres on the earth: what is on the rim belongs to it, the antipode included."""


class Nearby(NamedTuple):
    """Rows with `chord`, nearest first, around the place in degrees; `more` when the radius holds further ones."""

    latitude: float
    longitude: float
    rows: list[Row]
    more: bool


@cache
def _statement(country: bool, min_population: bool, around: bool) -> CompiledStatement:
    """The nearest by index, cut at the radius afterwards.

    A condition on the radius inside would be the same answer, but the planner cannot estimate it and leaves the index.
    """
    filters = (
        (" AND country = :country" if country else "")
        + (" AND population >= :min_population" if min_population else "")
        + (" AND id <> :around" if around else "")
    )
    sql = (
        f"SELECT * FROM (SELECT {COLUMNS}, pos <-> CAST(:place AS cube) AS chord FROM cities"  # nosec  # B608: constants
        f" WHERE is_active{filters} ORDER BY chord, id LIMIT :limit) nearest WHERE chord <= :radius"
    )
    return CompiledStatement(text(sql))


def nearest(
    latitude: float,
    longitude: float,
    *,
    radius_km: float,
    limit: int,
    country: str | None = None,
    min_population: int | None = None,
    around: UUID | None = None,
) -> Nearby:
    """At most `limit` active cities within the radius; `around` is a city that is left out."""
    x, y, z = unit_vector(latitude, longitude)
    statement = _statement(country is not None, min_population is not None, around is not None)
    values = {"country": country, "min_population": min_population, "around": around}
    found = statement.all(
        place=f"({x!r},{y!r},{z!r})",
        radius=chord_of_km(radius_km) + ROUNDING,
        limit=limit + 1,
        **{name: value for name, value in values.items() if value is not None},
    )
    return Nearby(latitude, longitude, found[:limit], len(found) > limit)


def nearest_to(city_id: UUID, **options: Any) -> Nearby:
    """The same around a city, which is itself left out."""
    city = cities.row(city_id)
    return nearest(city.latitude, city.longitude, around=city_id, **options)
