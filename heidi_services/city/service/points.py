"""The coordinates of many cities in one response, for maps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from heidi_common.database.transactions import reading
from heidi_services.city.models import City
from heidi_services.city.service.city_conditions import city_conditions
from heidi_services.city.service.city_filter import CityFilter

DECIMALS = 4
"""Digits of a coordinate: about 11 m."""


def points(*, where: CityFilter, limit: int) -> dict[str, list[Any]]:
    """Read the coordinates of the most populous active cities.

    Args:
        where: Which cities.
        limit: The maximum number of cities.

    Returns:
        Three columns of equal length, in descending order of population: latitudes and longitudes in degrees, and
        populations, with 0 where it is unknown.
    """
    statement = (
        select(City.latitude, City.longitude, City.people)
        .where(City.is_active, *city_conditions(where))
        .order_by(City.people.desc(), City.id.desc())
        .limit(limit)
    )
    with reading() as connection:
        rows = connection.execute(statement).all()
    return {
        "latitudes": [round(row[0], DECIMALS) for row in rows],
        "longitudes": [round(row[1], DECIMALS) for row in rows],
        "populations": [max(row[2], 0) for row in rows],
    }
