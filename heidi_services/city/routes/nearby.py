"""Nearest cities of points and of cities, and where a point is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from heidi_common.interceptors.transform import enveloped
from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.city import serializers
from heidi_services.city.http_cache import cacheable_response, prefers_geojson
from heidi_services.city.routes.blueprint import blp
from heidi_services.city.schemas import queries, responses
from heidi_services.city.service import location, nearby
from heidi_services.city.service.place_naming import naming


@blp.route("/api/v1/cities/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(queries.NearbyPointQuery, location="query")
@blp.response(200, responses.NearbyCityOut(many=True))
def nearest_to_point(query: dict[str, Any]) -> Response:
    """Find the cities nearest to a point within a radius, nearest first; also as GeoJSON. Without districts."""
    language = query.pop("lang")
    return _nearby_response(nearby.nearest(**query), query["limit"], language)


@blp.route("/api/v1/cities/nearby", methods=["POST"])
@public
@blp.arguments(queries.NearbyPointsIn)
@blp.response(200, responses.NearbyPointOut(many=True))
def nearest_to_points(body: dict[str, Any]) -> Response:
    """Find the cities nearest to each of up to 1,000 points. The results are in the order of the points."""
    language = body.pop("lang")
    results = nearby.nearest_to_points(**body)
    rows = [row for result in results for row in result.rows]
    document = enveloped(serializers.serialize_points(results, naming(language, rows)))
    return Response(serializers.document_response(document).body, mimetype="application/json")


@blp.route("/api/v1/cities/<uuid:city_id>/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(queries.NearbyQuery, location="query")
@blp.response(200, responses.NearbyCityOut(many=True))
def nearest_to_city(query: dict[str, Any], city_id: UUID) -> Response:
    """Find the cities nearest to a city within a radius, without the city itself and districts; also as GeoJSON."""
    language = query.pop("lang")
    return _nearby_response(nearby.nearest_to(city_id, **query), query["limit"], language)


@blp.route("/api/v1/cities/locate", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(queries.PointQuery, location="query")
@blp.response(200, responses.LocationOut)
def locate(query: dict[str, Any]) -> Response:
    """Find the country and the time zone of a point. At sea the country is null and the zone `Etc/GMT...`."""
    place = location.locate(query["latitude"], query["longitude"])
    document = serializers.serialize_location(place.country, place.timezone, naming(query["lang"], []))
    return cacheable_response(serializers.document_response(enveloped(document)))


def _nearby_response(result: nearby.Nearby, limit: int, language: str | None) -> Response:
    point = result.latitude, result.longitude
    items = serializers.serialize_cities(result.rows, point, naming(language, result.rows))
    meta = {"limit": limit, "hasMore": result.more, "nextCursor": None}
    return cacheable_response(serializers.list_response(items, meta, geojson=prefers_geojson()), negotiated=True)
