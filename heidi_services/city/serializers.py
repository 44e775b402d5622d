"""Cities as JSON: plain, with distances, as GeoJSON. Hot reads go straight from row to bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from heidi_common.interceptors.transform import enveloped
from heidi_services.city.countries import name_of
from heidi_services.city.geo import bearing, km_of_chord
from heidi_services.city.service.response_cache import Answer
from heidi_services.city.service.search import Found


def city(row: Any) -> dict[str, Any]:
    """The public shape of a row with the columns of `reads.COLUMNS`."""
    return {
        "id": row.id,
        "name": row.name,
        "country": row.country,
        "countryName": name_of(row.country),
        "state": row.state,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "population": row.population,
        "timezone": row.timezone,
        "metadata": row.metadata and orjson.Fragment(row.metadata),
        "isActive": row.is_active,
        "createdAt": row.created,
        "updatedAt": row.updated,
    }


def from_place(row: Any, latitude: float, longitude: float) -> dict[str, Any]:
    """A city with its `chord` as seen from a place: kilometres to the metre, and the course there."""
    return city(row) | {
        "distanceKm": round(km_of_chord(row.chord), 3),
        "bearing": bearing(latitude, longitude, row.latitude, row.longitude),
    }


def found(result: Found) -> list[dict[str, Any]]:
    """Search results; with a point, as seen from there."""
    if result.point is None:
        return [city(row) for row in result.rows]
    return [from_place(row, *result.point) for row in result.rows]


def countries(counts: Iterable[tuple[str, int]]) -> Answer:
    return whole(enveloped([{"country": c, "countryName": name_of(c), "cities": n} for c, n in counts]))


def single(row: Any) -> Answer:
    """The answer for one city; its ETag is the version that If-Match names."""
    return Answer(f"{row.id.replace('-', '')}.{row.version}", orjson.dumps(enveloped(city(row))))


def several(cities: Iterable[dict[str, Any]], meta: dict[str, Any], *, geojson: bool) -> Answer:
    """The answer for many, in either form."""
    return whole(_collection(cities) if geojson else enveloped(list(cities), meta))


def whole(document: Any) -> Answer:
    """Any document with an ETag of its content."""
    body = orjson.dumps(document)
    return Answer(hashlib.blake2b(body, digest_size=12).hexdigest(), body)


def _collection(cities: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """RFC 7946."""
    return {"type": "FeatureCollection", "features": [_feature(found) for found in cities]}


def _feature(found: dict[str, Any]) -> dict[str, Any]:
    place = [found.pop("longitude"), found.pop("latitude")]
    return {
        "type": "Feature",
        "id": found.pop("id"),
        "geometry": {"type": "Point", "coordinates": place},
        "properties": found,
    }
