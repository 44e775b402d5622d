"""The statement that creates a city: the row, its names in the search index and its event in one round trip."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import orjson
from sqlalchemy import ARRAY, CTE, ColumnElement, Table, Text, bindparam, func, insert, literal, literal_column, select

from heidi_common.database.compiled import CompiledStatement, Row
from heidi_common.messaging.events import CityCreated
from heidi_common.messaging.outbox import emit_parameters, emit_statement
from heidi_services.city.models import CITY_NAMES, City
from heidi_services.city.name_matching import index_names
from heidi_services.city.service.name_index import WEIGHT

TABLE = cast(Table, City.__table__)
CLIENT_COLUMNS = (
    *("id", "name", "country", "state", "latitude", "longitude", "population", "timezone", "metadata"),
    *("is_active", "other_names", "kind"),
)


def insert_city(city: City) -> Row:
    """Insert a city with its names and `city.created` in one statement.

    Returns:
        The row that the database has generated: `created_at`, `updated_at` and `version`.
    """
    values = {f"new_{name}": getattr(city, name) for name in CLIENT_COLUMNS if name != "metadata"}
    values["new_metadata"] = None if city.extra is None else orjson.dumps(city.extra).decode()
    names = index_names([city.name, *city.other_names])
    event = CityCreated(id=city.id, country=city.country)
    return _insert_statement().first(names=names, **values, **emit_parameters(event))


@cache
def _insert_statement() -> CompiledStatement:
    values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=TABLE.c[name].type) for name in CLIENT_COLUMNS}
    values |= {"created_at": func.now(), "updated_at": func.now(), "version": literal(1)}
    city = insert(TABLE).values(values).returning(*TABLE.c).cte("city")
    result = select(city.c.created_at, city.c.updated_at, city.c.version)
    return CompiledStatement(result.add_cte(_index(city), emit_statement(when=city).cte("event")), changes=True)


def _index(city: CTE) -> CTE:
    """Insert the names of an active city into the search index, as `name_index.reindex` does."""
    names = func.unnest(bindparam("names", type_=ARRAY(Text))).column_valued("indexed_name")
    weight: ColumnElement[float] = literal_column(WEIGHT.format(city="city"))
    source = select(city.c.id, names, city.c.country, weight).where(city.c.is_active)
    return insert(CITY_NAMES).from_select(["city_id", "name", "country", "weight"], source).cte("indexed")
