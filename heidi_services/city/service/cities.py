"""Create, update and deactivate a city."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.messaging.events import CityDeleted, CityUpdated
from heidi_common.messaging.outbox import emit
from heidi_services.city.geo import normalize_longitude
from heidi_services.city.models import City
from heidi_services.city.service import response_cache
from heidi_services.city.service.city_statements import insert_city
from heidi_services.city.service.name_index import reindex
from heidi_services.city.service.queries import city_not_found

_INDEXED = {"name", "other_names", "country", "population", "is_active"}
"""Attributes that the search index is derived from."""


def create(**fields: Any) -> City:
    """Create a city, add it to the search index and emit `city.created`."""
    city = City(**{"id": uuid7(), "is_active": True, "other_names": []} | _normalize(fields))
    for name, value in insert_city(city)._asdict().items():
        setattr(city, name, value)
    response_cache.invalidate_after_commit()
    return city


def update(city_id: UUID, version: int | None, **fields: Any) -> City:
    """Change a city. If all fields already have their new values, the version stays and no event is emitted.

    Args:
        city_id: The city to change.
        version: The version that the caller expects; None for any.
        fields: Attribute -> new value.

    Raises:
        NotFound: The city does not exist.
        PreconditionFailed: The city has another version.
    """
    with transaction():
        city = _lock(city_id)
        expect_version(city, version)
        changed = {name: value for name, value in _normalize(fields).items() if getattr(city, name) != value}
        if changed:
            _apply(city, changed)
    return city


def deactivate(city_id: UUID, version: int | None) -> None:
    """Remove a city from lists and searches. Deactivating it a second time changes nothing."""
    update(city_id, version, is_active=False)


def _lock(city_id: UUID) -> City:
    city = db.session.get(City, city_id, with_for_update=True, populate_existing=True)
    if city is None:
        raise city_not_found()
    return city


def _apply(city: City, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(city, name, value)
    if _INDEXED & changed.keys():
        reindex(city)
    event_type = CityDeleted if changed.get("is_active") is False else CityUpdated
    names = tuple("metadata" if name == "extra" else name for name in changed)
    emit(event_type(id=city.id, country=city.country, changed=names))
    response_cache.invalidate_after_commit()


def _normalize(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"longitude": normalize_longitude(fields["longitude"])} if "longitude" in fields else fields
