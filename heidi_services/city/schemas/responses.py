"""Responses of the city service."""

from __future__ import annotations

from marshmallow import Schema as BareSchema
from marshmallow import fields

from heidi_common.schemas.fields import UtcDateTime
from heidi_services.city.naming import ENGLISH


class CityOut(BareSchema):
    """A city."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    country = fields.String(required=True)
    countryName = fields.Function(lambda city: ENGLISH.country(city.country), metadata={"type": "string"})
    state = fields.String(required=True, allow_none=True)
    stateName = fields.Function(
        lambda city: ENGLISH.region(city.country, city.state), metadata={"type": ["string", "null"]}
    )
    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)
    population = fields.Integer(required=True, allow_none=True)
    timezone = fields.String(required=True, allow_none=True)
    kind = fields.String(
        required=True, allow_none=True, metadata={"description": "`CITY`, `DISTRICT`, or null if it is unknown."}
    )
    metadata = fields.Dict(attribute="extra", required=True, allow_none=True)
    isActive = fields.Boolean(attribute="is_active", required=True)
    createdAt = UtcDateTime(attribute="created_at", required=True)
    updatedAt = UtcDateTime(attribute="updated_at", required=True)


class NearbyCityOut(CityOut):
    """A city, with its distance and bearing from the point of the request."""

    distanceKm = fields.Float(required=True)
    bearing = fields.Float(required=True)


class CityMatchOut(CityOut):
    """A city that matches a search, with its distance and bearing if the search had a point."""

    distanceKm = fields.Float()
    bearing = fields.Float()


class NearbyPointOut(BareSchema):
    """A point, and the cities that are nearest to it."""

    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)
    cities = fields.List(fields.Nested(NearbyCityOut), required=True)
    hasMore = fields.Boolean(required=True)


class MapPointsOut(BareSchema):
    """Columns of equal length, in descending order of population. An unknown population is 0."""

    latitudes = fields.List(fields.Float(), required=True)
    longitudes = fields.List(fields.Float(), required=True)
    populations = fields.List(fields.Integer(), required=True)


class LocationOut(BareSchema):
    """Where a point is. The country is null at sea."""

    country = fields.String(required=True, allow_none=True)
    countryName = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True)


class DistanceOut(BareSchema):
    distanceKm = fields.Float(required=True)
    bearing = fields.Float(required=True)


class CountryOut(BareSchema):
    country = fields.String(required=True)
    countryName = fields.String(required=True)
    cities = fields.Integer(required=True)


class CityNamesOut(BareSchema):
    otherNames = fields.List(fields.String(), required=True)
