"""Cities as JSON and GeoJSON, with distances where a point is given. Fast reads go straight from row to bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from heidi_common.interceptors.transform import enveloped
from heidi_services.city.countries import name_of
from heidi_services.city.geo import distances_and_bearings
from heidi_services.city.http_cache import CachedResponse


def serialize_city(row: Any) -> dict[str, Any]:
    """Return the JSON object of a city, from a row with `columns.COLUMNS`."""
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


def serialize_cities(rows: Iterable[Any], point: tuple[float, float] | None) -> list[dict[str, Any]]:
    """Return the JSON objects of cities, with distance (kilometers, three decimals) and bearing if there is a point.

    Args:
        rows: Rows with `columns.COLUMNS`; if there is a point, also with `chord`, the distance on the unit sphere.
        point: Latitude and longitude in degrees.
    """
    if point is None:
        return [serialize_city(row) for row in rows]
    rows = list(rows)
    measured = distances_and_bearings(*point, ((row.chord, row.latitude, row.longitude) for row in rows))
    return [
        serialize_city(row) | {"distanceKm": round(km, 3), "bearing": degrees}
        for row, (km, degrees) in zip(rows, measured, strict=True)
    ]


def countries_response(counts: Iterable[tuple[str, int]]) -> CachedResponse:
    """Return the response that lists countries with their numbers of cities."""
    countries = [{"country": code, "countryName": name_of(code), "cities": count} for code, count in counts]
    return document_response(enveloped(countries))


def city_response(row: Any) -> CachedResponse:
    """Return the response for one city. Its ETag is the version that If-Match names."""
    return CachedResponse(f"{row.id.replace('-', '')}.{row.version}", orjson.dumps(enveloped(serialize_city(row))))


def list_response(cities: Iterable[dict[str, Any]], meta: dict[str, Any], *, geojson: bool) -> CachedResponse:
    """Return the response for several cities, as JSON or as GeoJSON."""
    return document_response(_feature_collection(cities) if geojson else enveloped(list(cities), meta))


def document_response(document: Any) -> CachedResponse:
    """Return the response for any JSON document. Its ETag is a digest of the content."""
    body = orjson.dumps(document)
    return CachedResponse(hashlib.blake2b(body, digest_size=12).hexdigest(), body)


def _feature_collection(cities: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Source: GeoJSON, RFC 7946."""
    return {"type": "FeatureCollection", "features": [_feature(city) for city in cities]}


def _feature(city: dict[str, Any]) -> dict[str, Any]:
    coordinates = [city.pop("longitude"), city.pop("latitude")]
    return {
        "type": "Feature",
        "id": city.pop("id"),
        "geometry": {"type": "Point", "coordinates": coordinates},
        "properties": city,
    }
