"""Nearest cities to a point or a city within a radius, exact on the sphere."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.geo import chord_of_km, unit_vector
from heidi_services.city.service.columns import COLUMNS
from heidi_services.city.service.queries import get_city

ROUNDING = 1e-12
"""A few micrometers on the earth, added to the radius: cities exactly on its edge are included, as is the antipode."""


class Nearby(NamedTuple):
    """The nearest cities.

    Attributes:
        latitude: Of the center, in degrees.
        longitude: Of the center, in degrees.
        rows: Rows with COLUMNS and `chord` (0 to 2, on the unit sphere), nearest first.
        more: Whether there are further cities within the radius.
    """

    latitude: float
    longitude: float
    rows: list[Row]
    more: bool


@cache
def _statement(country: bool, min_population: bool, around: bool) -> CompiledStatement:
    """Build the statement: the nearest cities by index, filtered by the radius afterwards.

    A condition on the radius in the inner query would return the same rows, but the planner cannot estimate it and
    then does not use the index.
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
    """Find the active cities nearest to a point.

    Args:
        latitude: Of the point, in degrees.
        longitude: Of the point, in degrees.
        radius_km: Search radius in kilometers, more than 0 and up to 20038.
        limit: The maximum number of cities.
        country: Only cities of this country (ISO 3166-1 alpha-2).
        min_population: Only cities with at least this known population.
        around: The city at the center, which is excluded.

    Source: great-circle distance with the IUGG mean earth radius R1, 6371.0088 km.
    """
    x, y, z = unit_vector(latitude, longitude)
    statement = _statement(country is not None, min_population is not None, around is not None)
    filters = {"country": country, "min_population": min_population, "around": around}
    rows = statement.all(
        place=f"({x!r},{y!r},{z!r})",
        radius=chord_of_km(radius_km) + ROUNDING,
        limit=limit + 1,
        **{name: value for name, value in filters.items() if value is not None},
    )
    return Nearby(latitude, longitude, rows[:limit], len(rows) > limit)


def nearest_to(city_id: UUID, **options: Any) -> Nearby:
    """Find the active cities nearest to a city, which is not part of the result.

    Args:
        city_id: The city at the center.
        options: Passed to `nearest`.

    Raises:
        NotFound: No city has this ID.
    """
    city = get_city(city_id)
    return nearest(city.latitude, city.longitude, around=city_id, **options)
