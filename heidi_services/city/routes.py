"""HTTP routes of the city service. Reads are public and cacheable; changes require a role."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.interceptors.transform import Blueprint, enveloped, page_items
from heidi_common.jwt.guards import guard, public
from heidi_common.openapi.headers import IF_MATCH, IF_NONE_MATCH, documents
from heidi_services.city import http_cache, schemas, serializers
from heidi_services.city.http_cache import cacheable_response, prefers_geojson
from heidi_services.city.models import City
from heidi_services.city.service import cities, nearby, queries, response_cache, search

blp = Blueprint("cities", __name__, description="Cities. Data: GeoNames (geonames.org), CC BY 4.0.")
blueprints = (blp,)


@blp.route("/api/v1/cities", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.CityListQuery, location="query")
@blp.response(200, schemas.CityOut(many=True))
def list_cities(query: dict[str, Any]) -> Response:
    """List cities. With `Accept: application/geo+json`, the response is a FeatureCollection."""
    page = queries.list_cities(**query)
    items = map(serializers.serialize_city, page_items(page))
    return cacheable_response(serializers.list_response(items, page.meta, geojson=prefers_geojson()), negotiated=True)


@blp.route("/api/v1/cities", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR)
@idempotent
@blp.arguments(schemas.CityIn)
@blp.response(201, schemas.CityOut)
def create_city(body: dict[str, Any]) -> City:
    """Create a city. Lists and searches include it immediately."""
    city = cities.create(**body)
    etag(city)
    return city


@blp.route("/api/v1/cities/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.NearbyPointQuery, location="query")
@blp.response(200, schemas.NearbyCityOut(many=True))
def nearest_to_point(query: dict[str, Any]) -> Response:
    """Find the cities nearest to a point within a radius, nearest first; also as GeoJSON."""
    return _nearby_response(nearby.nearest(**query), query)


@blp.route("/api/v1/cities/<uuid:city_id>/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.NearbyQuery, location="query")
@blp.response(200, schemas.NearbyCityOut(many=True))
def nearest_to_city(query: dict[str, Any], city_id: UUID) -> Response:
    """Find the cities nearest to a city within a radius, without the city itself; also as GeoJSON."""
    return _nearby_response(nearby.nearest_to(city_id, **query), query)


@blp.route("/api/v1/cities/search", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.CitySearchQuery, location="query")
@blp.response(200, schemas.CityMatchOut(many=True))
def search_cities(query: dict[str, Any]) -> Response:
    """Find cities with a name, in any language, that begins with `q` or differs by one typo; also as GeoJSON."""
    geojson = prefers_geojson()

    def load() -> http_cache.CachedResponse:
        result = search.search(**query)
        meta = {"limit": query["limit"], "hasMore": result.more, "nextCursor": None}
        return serializers.list_response(serializers.serialize_cities(result.rows, result.point), meta, geojson=geojson)

    if "point" in query:  # not cached: the same point hardly ever occurs twice
        return cacheable_response(load(), negotiated=True)
    key = f"search:{geojson:d}:{query['limit']}:{query.get('country', '')}:{query['q']}"
    return cacheable_response(response_cache.get_or_load(key, load), negotiated=True)


@blp.route("/api/v1/cities/distance", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.DistanceQuery, location="query")
@blp.response(200, schemas.DistanceOut)
def get_distance(query: dict[str, Any]) -> Response:
    """Calculate the great-circle distance between two cities, and the initial bearing from the first."""
    km, degrees = queries.distance_between(**query)
    return cacheable_response(
        serializers.document_response(enveloped({"distanceKm": round(km, 3), "bearing": degrees}))
    )


@blp.route("/api/v1/cities/countries", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.CountryOut(many=True))
def list_countries() -> Response:
    """List the countries that have active cities, with the number of cities."""

    def load() -> http_cache.CachedResponse:
        return serializers.countries_response(queries.count_by_country())

    return cacheable_response(response_cache.get_or_load("countries", load))


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.CityOut)
def get_city(city_id: UUID) -> Response:
    """Read a city. A deactivated city has `isActive: false`."""

    def load() -> http_cache.CachedResponse:
        return serializers.city_response(queries.get_city(city_id))

    return cacheable_response(response_cache.get_or_load(city_id.hex, load))


@blp.route("/api/v1/cities/<uuid:city_id>/names", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.CityNamesOut)
def get_names(city_id: UUID) -> Response:
    """Read the further names under which search finds a city."""
    names = queries.get_other_names(city_id)
    return cacheable_response(serializers.document_response(enveloped({"otherNames": names})))


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["PATCH"])
@guard(Role.ADMIN, Role.MODERATOR)
@documents(IF_MATCH)
@blp.arguments(schemas.CityPatch)
@blp.response(200, schemas.CityOut)
def update_city(body: dict[str, Any], city_id: UUID) -> City:
    """Change any fields of a city. Honors `If-Match`."""
    city = cities.update(city_id, if_match(), **body)
    etag(city)
    return city


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["DELETE"])
@guard(Role.ADMIN, Role.MODERATOR)
@documents(IF_MATCH)
@blp.response(204)
def deactivate_city(city_id: UUID) -> None:
    """Deactivate a city. Lists and searches no longer include it; it can still be read by its ID."""
    cities.deactivate(city_id, if_match())


def _nearby_response(result: nearby.Nearby, query: dict[str, Any]) -> Response:
    items = serializers.serialize_cities(result.rows, (result.latitude, result.longitude))
    meta = {"limit": query["limit"], "hasMore": result.more, "nextCursor": None}
    return cacheable_response(serializers.list_response(items, meta, geojson=prefers_geojson()), negotiated=True)
