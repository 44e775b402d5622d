"""Create, change and deactivate cities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from heidi_common.identity.models import Role
from heidi_common.interceptors.conditional import etag, if_match
from heidi_common.interceptors.idempotency import idempotent
from heidi_common.jwt.guards import guard
from heidi_common.openapi.headers import IF_MATCH, documents
from heidi_services.city.models import City
from heidi_services.city.routes.blueprint import blp
from heidi_services.city.schemas import changes, responses
from heidi_services.city.service import cities


@blp.route("/api/v1/cities", methods=["POST"])
@guard(Role.ADMIN, Role.MODERATOR)
@idempotent
@blp.arguments(changes.CityIn)
@blp.response(201, responses.CityOut)
def create_city(body: dict[str, Any]) -> City:
    """Create a city. Lists and searches include it immediately."""
    city = cities.create(**body)
    etag(city)
    return city


@blp.route("/api/v1/cities/<uuid:city_id>", methods=["PATCH"])
@guard(Role.ADMIN, Role.MODERATOR)
@documents(IF_MATCH)
@blp.arguments(changes.CityPatch)
@blp.response(200, responses.CityOut)
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
