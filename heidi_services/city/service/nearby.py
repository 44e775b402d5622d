"""Nearest cities to a point or a city within a radius, exact on the sphere."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_services.city.geo import chord_of_km, unit_vector
from heidi_services.city.service.city_filter import NO_FILTER, CityFilter
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
def _statement(conditions: str, around: bool) -> CompiledStatement:
    """Build the statement: the nearest cities by index, filtered by the radius afterwards.

    A condition on the radius in the inner query would return the same rows, but the planner cannot estimate it and
    then does not use the index.
    """
    around_it = " AND id <> :around" if around else ""
    sql = (
        f"SELECT * FROM (SELECT {COLUMNS}, pos <-> CAST(:place AS cube) AS chord FROM cities"  # nosec  # B608: constants
        f" WHERE is_active{conditions}{around_it} ORDER BY chord, id LIMIT :limit) nearest WHERE chord <= :radius"
    )
    return CompiledStatement(text(sql))


@cache
def _batch_statement(conditions: str) -> CompiledStatement:
    """Build the statement for many points: the same search for each, in one round trip."""
    sql = (
        f"SELECT points.number, nearest.* FROM unnest(:places) WITH ORDINALITY AS points (place, number),"  # nosec  # B608: constants
        f" LATERAL (SELECT {COLUMNS}, pos <-> CAST(points.place AS cube) AS chord FROM cities"
        f" WHERE is_active{conditions} ORDER BY chord, id LIMIT :limit) nearest"
        " WHERE chord <= :radius ORDER BY points.number, chord, id"
    )
    return CompiledStatement(text(sql))


def nearest(
    latitude: float,
    longitude: float,
    *,
    radius_km: float,
    limit: int,
    where: CityFilter = NO_FILTER,
    around: UUID | None = None,
) -> Nearby:
    """Find the active cities nearest to a point.

    Args:
        latitude: Of the point, in degrees.
        longitude: Of the point, in degrees.
        radius_km: Search radius in kilometers, more than 0 and up to 20038.
        limit: The maximum number of cities.
        where: Which cities; by default without districts.
        around: The city at the center, which is excluded.

    Source: great-circle distance with the IUGG mean earth radius R1, 6371.0088 km.
    """
    parameters = where.parameters() | ({} if around is None else {"around": around})
    rows = _statement(where.sql, around is not None).all(
        place=_place(latitude, longitude), radius=chord_of_km(radius_km) + ROUNDING, limit=limit + 1, **parameters
    )
    return Nearby(latitude, longitude, rows[:limit], len(rows) > limit)


def nearest_to_points(
    points: list[tuple[float, float]], *, radius_km: float, limit: int, where: CityFilter = NO_FILTER
) -> list[Nearby]:
    """Find the active cities nearest to each of many points.

    Args:
        points: Latitudes and longitudes, in degrees.
        radius_km: Search radius in kilometers, more than 0 and up to 20038.
        limit: The maximum number of cities for each point.
        where: Which cities; by default without districts.

    Returns:
        One result for each point, in the order of the points.
    """
    rows = _batch_statement(where.sql).all(
        places=[_place(*point) for point in points],
        radius=chord_of_km(radius_km) + ROUNDING,
        limit=limit + 1,
        **where.parameters(),
    )
    by_number: dict[int, list[Row]] = {number: [] for number in range(1, len(points) + 1)}
    for row in rows:
        by_number[row.number].append(row)
    return [
        Nearby(*point, nearest_rows[:limit], len(nearest_rows) > limit)
        for point, nearest_rows in zip(points, by_number.values(), strict=True)
    ]


def _place(latitude: float, longitude: float) -> str:
    """Return a point as PostgreSQL writes a cube."""
    x, y, z = unit_vector(latitude, longitude)
    return f"({x!r},{y!r},{z!r})"


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
