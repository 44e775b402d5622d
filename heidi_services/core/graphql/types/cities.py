"""Cities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import strawberry

from heidi_services.core.graphql.connections import PAGE_SIZE, Info
from heidi_services.core.graphql.scalars import JSON, DateTime


@strawberry.type(name="City", description="A city.")
class CityNode:
    id: UUID
    name: str
    country: str
    country_name: str | None
    state: str | None
    state_name: str | None
    latitude: float
    longitude: float
    population: int | None
    timezone: str | None
    kind: str | None
    metadata: JSON | None
    is_active: bool
    created_at: DateTime
    updated_at: DateTime
    distance_km: float | None = strawberry.field(description="From the point of `nearby` and `searchCities`.")
    bearing: float | None = strawberry.field(description="From that point, in degrees.")

    @strawberry.field(description="The cities around it, nearest first.")
    async def nearby(
        self: Any, info: Info, first: int = PAGE_SIZE, radius_km: float | None = None
    ) -> list[CityNode] | None:
        params = {"limit": first, "radiusKm": radius_km}
        cities: list[CityNode] = (await info.context.read("city", f"/cities/{self['id']}/nearby", params)).data
        return cities
