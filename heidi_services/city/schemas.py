"""Schemas of requests to the city service, and of its responses."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema as BareSchema
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Flag, FreeJson, Number, Text, UtcDateTime
from heidi_common.schemas.validators import Length, not_blank, validate_range
from heidi_services.city import countries
from heidi_services.city.geo import MAX_RADIUS_KM
from heidi_services.city.import_record import MAX_POPULATION
from heidi_services.city.name_matching import fold
from heidi_services.city.service.queries import SORTS

LATITUDE = validate.Range(-90, 90)
LONGITUDE = validate.Range(-180, 180)
POPULATION = validate.Range(0, MAX_POPULATION)


class CountryField(Text):
    """An existing ISO 3166-1 alpha-2 code, in upper or lower case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        code = str(super()._deserialize(value, attr, data, **kwargs)).upper()
        if code not in countries.names():
            raise ValidationError("Must be an ISO 3166-1 alpha-2 country code.")
        return code


class CityPatch(Schema):
    """Any of the fields of a city; null clears a field that is optional."""

    name = Text(max=200, validate=not_blank)
    country = CountryField(max=2)
    state = Text(max=100, allow_none=True)
    latitude = Number(validate=LATITUDE)
    longitude = Number(validate=LONGITUDE, metadata={"description": "180 is stored as -180."})
    population = fields.Integer(strict=True, validate=POPULATION, allow_none=True)
    timezone = Text(max=64, allow_none=True, validate=timezones.validate_timezone)
    extra = FreeJson(data_key="metadata", allow_none=True)
    is_active = Flag()
    other_names = fields.List(
        Text(max=200, validate=not_blank),
        validate=Length(max=300),
        metadata={"description": "Further names under which search finds the city."},
    )


class CityIn(CityPatch):
    """A new city."""

    name = Text(max=200, validate=not_blank, required=True)
    country = CountryField(max=2, required=True)
    latitude = Number(validate=LATITUDE, required=True)
    longitude = Number(validate=LONGITUDE, required=True)


class CityOut(BareSchema):
    """A city."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    country = fields.String(required=True)
    countryName = fields.Function(lambda city: countries.name_of(city.country), metadata={"type": "string"})
    state = fields.String(required=True, allow_none=True)
    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)
    population = fields.Integer(required=True, allow_none=True)
    timezone = fields.String(required=True, allow_none=True)
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


class DistanceOut(BareSchema):
    distanceKm = fields.Float(required=True)
    bearing = fields.Float(required=True)


class CountryOut(BareSchema):
    country = fields.String(required=True)
    countryName = fields.String(required=True)
    cities = fields.Integer(required=True)


class CityNamesOut(BareSchema):
    otherNames = fields.List(fields.String(), required=True)


class CityListQuery(PageQuery):
    country = CountryField(max=2)
    state = Text(max=100)
    min_population = fields.Integer(validate=POPULATION)
    max_population = fields.Integer(validate=POPULATION)
    timezone = Text(max=64, validate=timezones.validate_timezone)
    is_active = fields.Boolean(load_default=True)
    sort = fields.String(load_default="name", validate=validate.OneOf([s + k for k in SORTS for s in ("", "-")]))

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "min_population", "max_population", "maxPopulation")


class NearbyQuery(Schema):
    """Radius, number and filters of nearest cities."""

    radius_km = fields.Float(load_default=50.0, validate=validate.Range(0, MAX_RADIUS_KM, min_inclusive=False))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    country = CountryField(max=2)
    min_population = fields.Integer(validate=POPULATION)


class NearbyPointQuery(NearbyQuery):
    latitude = fields.Float(required=True, validate=LATITUDE)
    longitude = fields.Float(required=True, validate=LONGITUDE)


class CitySearchQuery(Schema):
    q = Text(max=100, required=True)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    country = CountryField(max=2)
    latitude = fields.Float(validate=LATITUDE)
    longitude = fields.Float(validate=LONGITUDE)

    @validates_schema
    def _both_coordinates(self, data: dict[str, Any], **_: Any) -> None:
        for name, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if name in data and other not in data:
                raise ValidationError(f"`{other}` is required together with `{name}`.", other)

    @post_load
    def _fold_query(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Fold the query as the index folds names, and combine the coordinates into `point`."""
        data["q"] = fold(data["q"])
        if not data["q"]:
            raise ValidationError("Must contain at least one letter or digit.", "q")
        if "latitude" in data:
            data["point"] = data.pop("latitude"), data.pop("longitude")
        return data


class DistanceQuery(Schema):
    start = fields.UUID(data_key="from", required=True)
    end = fields.UUID(data_key="to", required=True)
