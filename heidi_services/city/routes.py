"""The HTTP door of the city service. Reads are public and give ready answers; changes are for those who may."""

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
from heidi_services.city import schemas
from heidi_services.city import serializers as present
from heidi_services.city.http_cache import answered, wants_geojson
from heidi_services.city.models import City
from heidi_services.city.service import cities as catalogue
from heidi_services.city.service import nearby
from heidi_services.city.service import response_cache as fresh
from heidi_services.city.service import search as finding

blp = Blueprint("cities", __name__, description="Places. Data: GeoNames (geonames.org), CC BY 4.0.")
blueprints = (blp,)


@blp.route("/api/v1/cities", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.ListQuery, location="query")
@blp.response(200, schemas.CityOut(many=True))
def list_cities(query: dict[str, Any]) -> Response:
    """Cities by name, population or age; `Accept: application/geo+json` gives a FeatureCollection."""
    found = catalogue.listed(**query)
    answer = present.several(map(present.city, page_items(found)), found.meta, geojson=wants_geojson())
    return answered(answer, negotiated=True)


@blp.route("/api/v1/cities", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR)
@idempotent
@blp.arguments(schemas.CityIn)
@blp.response(201, schemas.CityOut)
def create_city(body: dict[str, Any]) -> City:
    """A new city, found by lists and searches from then on."""
    city = catalogue.create(**body)
    etag(city)
    return city


@blp.route("/api/v1/cities/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.NearQuery, location="query")
@blp.response(200, schemas.NearCityOut(many=True))
def near_a_point(query: dict[str, Any]) -> Response:
    """The nearest cities to a point, nearest first; also as GeoJSON."""
    return _near(nearby.nearest(**query), query)


@blp.route("/api/v1/cities/<uuid:city_id>/nearby", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.AroundQuery, location="query")
@blp.response(200, schemas.NearCityOut(many=True))
def near_a_city(query: dict[str, Any], city_id: UUID) -> Response:
    """The nearest cities to a city, itself left out; also as GeoJSON."""
    return _near(nearby.nearest_to(city_id, **query), query)


@blp.route("/api/v1/cities/search", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.SearchQuery, location="query")
@blp.response(200, schemas.FoundCityOut(many=True))
def search_cities(query: dict[str, Any]) -> Response:
    """Cities whose name, in any language, begins with `q` or is one slip away; also as GeoJSON."""
    geojson = wants_geojson()

    def load() -> fresh.Answer:
        found = finding.search(**query)
        meta = {"limit": query["limit"], "hasMore": found.more, "nextCursor": None}
        return present.several(present.found(found), meta, geojson=geojson)

    if "point" in query:  # there are too many points for a cache to meet one twice
        return answered(load(), negotiated=True)
    key = f"search:{geojson:d}:{query['limit']}:{query.get('country', '')}:{query['q']}"
    return answered(fresh.get_or_load(key, load), negotiated=True)


@blp.route("/api/v1/cities/distance", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.arguments(schemas.DistanceQuery, location="query")
@blp.response(200, schemas.DistanceOut)
def distance(query: dict[str, Any]) -> Response:
    """Great-circle distance between two cities, and the initial bearing from the first."""
    km, degrees = catalogue.between(**query)
    return answered(present.whole(enveloped({"distanceKm": round(km, 3), "bearing": degrees})))


@blp.route("/api/v1/cities/countries", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.CountryOut(many=True))
def list_countries() -> Response:
    """The countries that have cities, and how many."""
    return answered(fresh.get_or_load("countries", lambda: present.countries(catalogue.countries())))


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.CityOut)
def get_city(city_id: UUID) -> Response:
    """A city; a deactivated one says `isActive: false`."""
    return answered(fresh.get_or_load(city_id.hex, lambda: present.single(catalogue.row(city_id))))


@blp.route("/api/v1/cities/<uuid:city_id>/names", methods=["GET"])
@public
@documents(IF_NONE_MATCH)
@blp.response(200, schemas.NamesOut)
def get_names(city_id: UUID) -> Response:
    """The other names under which search finds a city."""
    return answered(present.whole(enveloped({"otherNames": catalogue.other_names(city_id)})))


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["PATCH"])
@guard(Role.ADMIN, Role.MODERATOR)
@documents(IF_MATCH)
@blp.arguments(schemas.CityPatch)
@blp.response(200, schemas.CityOut)
def change_city(body: dict[str, Any], city_id: UUID) -> City:
    """Change any part of a city. Honours `If-Match`."""
    city = catalogue.change(city_id, if_match(), **body)
    etag(city)
    return city


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["DELETE"])
@guard(Role.ADMIN, Role.MODERATOR)
@documents(IF_MATCH)
@blp.response(204)
def delete_city(city_id: UUID) -> None:
    """Deactivate a city: it leaves lists and searches, its id stays."""
    catalogue.deactivate(city_id, if_match())


def _near(found: nearby.Nearby, query: dict[str, Any]) -> Response:
    cities = (present.from_place(row, found.latitude, found.longitude) for row in found.rows)
    meta = {"limit": query["limit"], "hasMore": found.more, "nextCursor": None}
    return answered(present.several(cities, meta, geojson=wants_geojson()), negotiated=True)
