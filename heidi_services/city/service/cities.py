"""Single cities and lists of them: read, create, change, deactivate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.messaging.events import CityCreated, CityDeleted, CityUpdated
from heidi_common.messaging.outbox import emit
from heidi_common.problems import NotFound
from heidi_services.city.geo import bearing, distance_km, wrapped
from heidi_services.city.models import City
from heidi_services.city.service import response_cache
from heidi_services.city.service.columns import COLUMNS, LISTED
from heidi_services.city.service.name_index import reindex

SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "name": City.name,
    "population": City.people,
    "createdAt": City.created_at,
}
_NAMED = {"name", "other_names", "country", "population", "is_active"}
"""Changes of these change what search knows."""
_LISTED = select(*LISTED, City.created_at, City.people.label("people"))
_BY_ID = CompiledStatement(text(f"SELECT {COLUMNS} FROM cities WHERE id = :id"))  # nosec  # B608: constants
_NAMES = CompiledStatement(text("SELECT other_names FROM cities WHERE id = :id"))
_COUNTS = CompiledStatement(
    text("SELECT country, count(*) AS cities FROM cities WHERE is_active GROUP BY country ORDER BY country")
)


def row(city_id: UUID) -> Row:
    """A city, active or not, as a plain row."""
    return _the_one(_BY_ID, city_id)


def other_names(city_id: UUID) -> list[str]:
    return list(_the_one(_NAMES, city_id).other_names)


def countries() -> list[tuple[str, int]]:
    """Every country that has active cities, and how many."""
    return [(found.country, found.cities) for found in _COUNTS.all()]


def between(start: UUID, end: UUID) -> tuple[float, float]:
    """Great-circle kilometres and initial bearing from one city to another."""
    a, b = row(start), row(end)
    places = a.latitude, a.longitude, b.latitude, b.longitude
    return distance_km(*places), bearing(*places)


def listed(
    *,
    sort: str,
    limit: int,
    cursor: str | None,
    total: bool,
    min_population: int | None = None,
    max_population: int | None = None,
    **equal: Any,
) -> Page:
    """One page of rows; `sort` is a key of SORTS, with a minus in front for descending."""
    statement = _LISTED.where(*(getattr(City, name) == value for name, value in equal.items()))
    if min_population is not None:
        statement = statement.where(City.people >= max(min_population, 0))
    if max_population is not None:
        statement = statement.where(City.people.between(0, max_population))
    order, descending = SORTS[sort.removeprefix("-")], sort.startswith("-")
    return page(
        statement,
        order=order,
        descending=descending,
        tiebreak=City.id,
        limit=limit,
        cursor=cursor,
        total=total,
        scalars=False,
    )


def create(**fields: Any) -> City:
    with transaction():
        city = City(**_stored(fields))
        db.session.add(city)
        reindex(city)
        emit(CityCreated(id=city.id, country=city.country))
        response_cache.renew_after_commit()
    return city


def change(city_id: UUID, version: int | None, **fields: Any) -> City:
    """Change what differs; nothing differs, nothing happens."""
    with transaction():
        city = _locked(city_id)
        expect_version(city, version)
        changed = {name: value for name, value in _stored(fields).items() if getattr(city, name) != value}
        if changed:
            _apply(city, changed)
    return city


def deactivate(city_id: UUID, version: int | None) -> None:
    """Take a city out of lists and searches; a second time is no change."""
    change(city_id, version, is_active=False)


def statistics() -> dict[str, int]:
    with transaction():
        active = select(func.count(), func.count(City.country.distinct())).where(City.is_active)
        cities, lands = db.session.execute(active).one()
        names = db.session.scalar(text("SELECT count(*) FROM city_names"))
        inactive = db.session.scalar(select(func.count()).select_from(City).where(~City.is_active))
    return {"cities": cities, "countries": lands, "names": names or 0, "inactive": inactive or 0}


def _the_one(read: CompiledStatement, city_id: UUID) -> Row:
    found = read.first(id=city_id)
    if found is None:
        raise _no_such_city()
    return found


def _locked(city_id: UUID) -> City:
    city = db.session.get(City, city_id, with_for_update=True, populate_existing=True)
    if city is None:
        raise _no_such_city()
    return city


def _no_such_city() -> NotFound:
    return NotFound("There is no city with this id.")


def _apply(city: City, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(city, name, value)
    if _NAMED & changed.keys():
        reindex(city)
    fact = CityDeleted if changed.get("is_active") is False else CityUpdated
    emit(fact(id=city.id, country=city.country, changed=tuple("metadata" if n == "extra" else n for n in changed)))
    response_cache.renew_after_commit()


def _stored(fields: dict[str, Any]) -> dict[str, Any]:
    """As the table has it: 180 degrees is -180."""
    return fields | {"longitude": wrapped(fields["longitude"])} if "longitude" in fields else fields
