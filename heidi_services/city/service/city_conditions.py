"""Conditions of lists as SQLAlchemy expressions: the filter of a request, and the state by code or name."""

from __future__ import annotations

from sqlalchemy import ColumnElement, bindparam, func, or_, text, tuple_
from sqlalchemy.sql.elements import TextClause

from heidi_common.database.compiled import CompiledStatement
from heidi_services.city.gazetteer import regions
from heidi_services.city.gazetteer.place_name import Level
from heidi_services.city.models import City
from heidi_services.city.name_matching import fold
from heidi_services.city.service.city_filter import CityFilter

_REGIONS_NAMED = CompiledStatement(
    text("SELECT DISTINCT country, region FROM place_names WHERE name = :name AND level = :level")
)


def city_conditions(where: CityFilter) -> list[TextClause]:
    """Return the conditions of a filter, with their values."""
    if not where.sql:
        return []
    condition = text(where.sql.removeprefix(" AND "))
    names = set(condition._bindparams)
    values = {name: value for name, value in where.parameters().items() if name in names}
    return [condition.bindparams(*(bindparam(name, value) for name, value in values.items()))]


def state_is(state: str) -> ColumnElement[bool]:
    """Return the condition that a city is in a region, which is given by its code or by a name in any language.

    The state of a city can also be a name itself; it is then compared without regard to case and accents.
    """
    pairs = sorted(_regions_named(fold(state)))
    conditions = [City.state == state, func.plain_letters(City.state) == func.plain_letters(state)]
    if pairs:
        conditions.append(tuple_(City.country, City.state).in_(pairs))
    return or_(*conditions)


def _regions_named(name: str) -> set[regions.Region]:
    """English names are known even before the first import."""
    rows = _REGIONS_NAMED.all(name=name, level=int(Level.REGION))
    return {(row.country, row.region) for row in rows} | set(regions.by_english_name().get(name, ()))
