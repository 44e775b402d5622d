"""Read cities: a single one, pages of a list, counts, and the distance between two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.totals import TotalRequest
from heidi_common.database.transactions import transaction
from heidi_common.problems import NotFound
from heidi_services.city.geo import bearing, distance_km
from heidi_services.city.models import City
from heidi_services.city.service.city_conditions import city_conditions, state_is
from heidi_services.city.service.city_filter import CityFilter
from heidi_services.city.service.columns import COLUMNS, SELECT_COLUMNS

SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "name": City.sort_name,
    "population": City.people,
    "createdAt": City.created_at,
}
_LIST = select(*SELECT_COLUMNS, City.created_at, City.people.label("people"), City.sort_name)
_BY_ID = CompiledStatement(text(f"SELECT {COLUMNS} FROM cities WHERE id = :id"), prepared=True)  # nosec  # B608: constants
_OTHER_NAMES = CompiledStatement(text("SELECT other_names FROM cities WHERE id = :id"))
_COUNTS = CompiledStatement(
    text("SELECT country, count(*) AS cities FROM cities WHERE is_active GROUP BY country ORDER BY country")
)


def get_city(city_id: UUID) -> Row:
    """Read a city, active or not, as a row with COLUMNS. Raises NotFound."""
    return _first(_BY_ID, city_id)


def get_other_names(city_id: UUID) -> list[str]:
    """Read the further names under which search finds a city. Raises NotFound."""
    return list(_first(_OTHER_NAMES, city_id).other_names)


def count_by_country() -> list[tuple[str, int]]:
    """Return (country, number of active cities) of every country that has any, in order of the country codes."""
    return [(row.country, row.cities) for row in _COUNTS.all()]


def distance_between(start: UUID, end: UUID) -> tuple[float, float]:
    """Calculate the distance from one city to another.

    Returns:
        Great-circle distance in kilometers, and initial bearing in degrees.

    Raises:
        NotFound: One of the cities does not exist.
    """
    a, b = get_city(start), get_city(end)
    points = a.latitude, a.longitude, b.latitude, b.longitude
    return distance_km(*points), bearing(*points)


def list_cities(
    *,
    sort: str,
    limit: int,
    cursor: str | None,
    total: TotalRequest,
    where: CityFilter,
    max_population: int | None = None,
    state: str | None = None,
    **equal: Any,
) -> Page:
    """Read a page of cities.

    Args:
        sort: A key of SORTS, with a leading minus for descending order.
        limit: The maximum number of cities.
        cursor: Of the previous page; None for the first page.
        total: Whether to count all cities that match.
        where: Which cities. Its least population is compared in the way that the index of populations supports.
        max_population: Only cities with at most this known population.
        state: Only cities whose state has this code or name.
        equal: Attribute -> the value that it must have.

    Returns:
        A page of rows with COLUMNS.
    """
    conditions = [getattr(City, name) == value for name, value in equal.items()]
    if where.min_population is not None:
        conditions.append(City.people >= max(where.min_population, 0))
    if max_population is not None:
        conditions.append(City.people.between(0, max_population))
    if state is not None:
        conditions.append(state_is(state))
    return page(
        _LIST.where(*conditions, *city_conditions(replace(where, min_population=None))),
        order=SORTS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        tiebreak=City.id,
        limit=limit,
        cursor=cursor,
        total=total,
        scalars=False,
    )


def statistics() -> dict[str, int]:
    """Count active cities, their countries, the names in the search index, and inactive cities."""
    with transaction():
        active = select(func.count(), func.count(City.country.distinct())).where(City.is_active)
        cities, countries = db.session.execute(active).one()
        names = db.session.scalar(text("SELECT count(*) FROM city_names"))
        inactive = db.session.scalar(select(func.count()).select_from(City).where(~City.is_active))
    return {"cities": cities, "countries": countries, "names": names or 0, "inactive": inactive or 0}


def city_not_found() -> NotFound:
    return NotFound("City not found.")


def _first(statement: CompiledStatement, city_id: UUID) -> Row:
    row = statement.first(id=city_id)
    if row is None:
        raise city_not_found()
    return row
