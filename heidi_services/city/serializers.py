"""Cities as JSON and GeoJSON, with distances where a point is given. Fast reads go straight from row to bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from heidi_common.interceptors.transform import enveloped
from heidi_services.city.geo import distances_and_bearings
from heidi_services.city.http_cache import CachedResponse
from heidi_services.city.naming import ENGLISH, Naming


def serialize_city(row: Any, naming: Naming = ENGLISH) -> dict[str, Any]:
    """Return the JSON object of a city, from a row with `columns.COLUMNS`."""
    return {
        "id": row.id,
        "name": naming.city(row.id, row.name),
        "country": row.country,
        "countryName": naming.country(row.country),
        "state": row.state,
        "stateName": naming.region(row.country, row.state),
        "latitude": row.latitude,
        "longitude": row.longitude,
        "population": row.population,
        "timezone": row.timezone,
        "kind": row.kind,
        "metadata": row.metadata and orjson.Fragment(row.metadata),
        "isActive": row.is_active,
        "createdAt": row.created,
        "updatedAt": row.updated,
    }


def serialize_cities(
    rows: Iterable[Any], point: tuple[float, float] | None, naming: Naming = ENGLISH
) -> list[dict[str, Any]]:
    """Return the JSON objects of cities, with distance (kilometers, three decimals) and bearing if there is a point.

    Args:
        rows: Rows with `columns.COLUMNS`; if there is a point, also with `chord`, the distance on the unit sphere.
        point: Latitude and longitude in degrees.
        naming: The language of the names.
    """
    if point is None:
        return [serialize_city(row, naming) for row in rows]
    rows = list(rows)
    measured = distances_and_bearings(*point, ((row.chord, row.latitude, row.longitude) for row in rows))
    return [
        serialize_city(row, naming) | {"distanceKm": round(km, 3), "bearing": degrees}
        for row, (km, degrees) in zip(rows, measured, strict=True)
    ]


def serialize_points(results: Iterable[tuple[float, float, list[Any], bool]], naming: Naming) -> list[dict[str, Any]]:
    """Return a JSON object for each point, with the cities that are nearest to it.

    Args:
        results: Latitude, longitude, rows with `columns.COLUMNS` and `chord`, and whether there are further cities.
        naming: The language of the names.
    """
    return [
        {
            "latitude": latitude,
            "longitude": longitude,
            "cities": serialize_cities(rows, (latitude, longitude), naming),
            "hasMore": more,
        }
        for latitude, longitude, rows, more in results
    ]


def serialize_location(country: str | None, timezone: str, naming: Naming) -> dict[str, Any]:
    """Return the JSON object that says where a point is."""
    return {"country": country, "countryName": country and naming.country(country), "timezone": timezone}


def countries_response(counts: Iterable[tuple[str, int]], naming: Naming = ENGLISH) -> CachedResponse:
    """Return the response that lists countries with their numbers of cities."""
    countries = [{"country": code, "countryName": naming.country(code), "cities": count} for code, count in counts]
    return document_response(enveloped(countries))


def city_response(row: Any, naming: Naming = ENGLISH) -> CachedResponse:
    """Return the response for one city. Its ETag is the version that If-Match names, in every language."""
    body = orjson.dumps(enveloped(serialize_city(row, naming)))
    return CachedResponse(f"{row.id.replace('-', '')}.{row.version}", body)


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
