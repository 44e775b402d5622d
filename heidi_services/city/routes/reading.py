"""Read cities: lists, points of maps, single ones, their names, the countries, and the distance between two."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from heidi_common.interceptors.transform import enveloped, page_items
from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.city import http_cache, serializers
from heidi_services.city.http_cache import cacheable_response, prefers_geojson
from heidi_services.city.routes.blueprint import blp
from heidi_services.city.schemas import queries as schemas
from heidi_services.city.schemas import responses
from heidi_services.city.service import points, queries, response_cache
from heidi_services.city.service.place_naming import naming


@blp.route("/api/v1/cities", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.CityListQuery, location="query")
@blp.response(200, responses.CityOut(many=True))
def list_cities(query: dict[str, Any]) -> Response:
    """List cities. With `Accept: application/geo+json`, the response is a FeatureCollection."""
    language = query.pop("lang")
    page = queries.list_cities(**query)
    items = serializers.serialize_cities(page_items(page), None, naming(language, page.items))
    return cacheable_response(serializers.list_response(items, page.meta, geojson=prefers_geojson()), negotiated=True)


@blp.route("/api/v1/cities/distance", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.DistanceQuery, location="query")
@blp.response(200, responses.DistanceOut)
def get_distance(query: dict[str, Any]) -> Response:
    """Calculate the great-circle distance between two cities, and the initial bearing from the first."""
    km, degrees = queries.distance_between(**query)
    return cacheable_response(
        serializers.document_response(enveloped({"distanceKm": round(km, 3), "bearing": degrees}))
    )


@blp.route("/api/v1/cities/countries", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.LanguageQuery, location="query")
@blp.response(200, responses.CountryOut(many=True))
def list_countries(query: dict[str, Any]) -> Response:
    """List the countries that have active cities, with the number of cities."""
    language = query["lang"]

    def load() -> http_cache.CachedResponse:
        return serializers.countries_response(queries.count_by_country(), naming(language, []))

    return cacheable_response(response_cache.get_or_load(f"countries:{language or ''}", load))


@blp.route("/api/v1/cities/points", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.MapQuery, location="query")
@blp.response(200, responses.MapPointsOut)
def list_points(query: dict[str, Any]) -> Response:
    """List the coordinates of up to 50,000 cities for a map, the most populous first. Without districts."""
    limit, where = query["limit"], query["where"]

    def load() -> http_cache.CachedResponse:
        return serializers.document_response(enveloped(points.points(where=where, limit=limit)))

    if where.box:  # not cached: the same box hardly ever occurs twice
        return cacheable_response(load())
    return cacheable_response(response_cache.get_or_load(f"points:{limit}:{where}", load))


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.LanguageQuery, location="query")
@blp.response(200, responses.CityOut)
def get_city(query: dict[str, Any], city_id: UUID) -> Response:
    """Read a city. A deactivated city has `isActive: false`."""
    language = query["lang"]

    def load() -> http_cache.CachedResponse:
        row = queries.get_city(city_id)
        return serializers.city_response(row, naming(language, [row]))

    return cacheable_response(response_cache.get_or_load(f"{city_id.hex}{language or ''}", load))


@blp.route("/api/v1/cities/<uuid:city_id>/names", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, responses.CityNamesOut)
def get_names(city_id: UUID) -> Response:
    """Read the further names under which search finds a city."""
    names = queries.get_other_names(city_id)
    return cacheable_response(serializers.document_response(enveloped({"otherNames": names})))
