"""Search for cities by name."""

from __future__ import annotations

from typing import Any

from flask import Response

from heidi_common.jwt.guards import public
from heidi_common.openapi.headers import IF_NONE_MATCH, documents
from heidi_services.city import http_cache, serializers
from heidi_services.city.http_cache import cacheable_response, prefers_geojson
from heidi_services.city.routes.blueprint import blp
from heidi_services.city.schemas import queries, responses
from heidi_services.city.service import response_cache, search
from heidi_services.city.service.place_naming import naming


@blp.route("/api/v1/cities/search", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(queries.CitySearchQuery, location="query")
@blp.response(200, responses.CityMatchOut(many=True))
def search_cities(query: dict[str, Any]) -> Response:
    """Find cities by a name in any language, also followed by a region, a country or a postal code; also as GeoJSON.

    The name begins with `q` or differs by one typo. What follows the name of a city narrows the result: `Paris, Texas`.
    Districts are left out.
    """
    geojson, language = prefers_geojson(), query.pop("lang")

    def load() -> http_cache.CachedResponse:
        result = search.search(**query)
        meta = {"limit": query["limit"], "hasMore": result.more, "nextCursor": None}
        items = serializers.serialize_cities(result.rows, result.point, naming(language, result.rows))
        return serializers.list_response(items, meta, geojson=geojson)

    if "point" in query or query["where"].box:  # not cached: the same point hardly ever occurs twice
        return cacheable_response(load(), negotiated=True)
    key = f"search:{geojson:d}:{language or ''}:{query['limit']}:{query['where']}:{query['query']}"
    return cacheable_response(response_cache.get_or_load(key, load), negotiated=True)
