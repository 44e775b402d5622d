"""What may come in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema as BareSchema
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Flag, FreeJson, Number, Text, UtcDateTime
from heidi_common.schemas.validators import not_blank, validate_range
from heidi_services.city import countries
from heidi_services.city.geo import MAX_RADIUS_KM
from heidi_services.city.name_matching import fold
from heidi_services.city.service.cities import SORTS

MAX_POPULATION = 2**31 - 1
LATITUDE = validate.Range(-90, 90)
LONGITUDE = validate.Range(-180, 180)
PEOPLE = validate.Range(0, MAX_POPULATION)


class Country(Text):
    """ISO 3166-1 alpha-2, one that exists; small letters are taken."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        code = str(super()._deserialize(value, attr, data, **kwargs)).upper()
        if code not in countries.names():
            raise ValidationError("This is not a country code of ISO 3166-1 alpha-2.")
        return code


class CityPatch(Schema):
    """Any part of a city; null empties what may be empty."""

    name = Text(max=200, validate=not_blank)
    country = Country(max=2)
    state = Text(max=100, allow_none=True)
    latitude = Number(validate=LATITUDE)
    longitude = Number(validate=LONGITUDE, metadata={"description": "180 is stored as -180."})
    population = fields.Integer(strict=True, validate=PEOPLE, allow_none=True)
    timezone = Text(max=64, allow_none=True, validate=timezones.is_known)
    extra = FreeJson(data_key="metadata", allow_none=True)
    is_active = Flag()
    other_names = fields.List(
        Text(max=200, validate=not_blank),
        validate=validate.Length(max=300),
        metadata={"description": "Further names under which search finds the city."},
    )


class CityIn(CityPatch):
    """A new city."""

    name = Text(max=200, validate=not_blank, required=True)
    country = Country(max=2, required=True)
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


class NearCityOut(CityOut):
    """A city as seen from a place."""

    distanceKm = fields.Float(required=True)
    bearing = fields.Float(required=True)


class FoundCityOut(CityOut):
    """A city that a search found; the last two when the search had a point."""

    distanceKm = fields.Float()
    bearing = fields.Float()


class DistanceOut(BareSchema):
    distanceKm = fields.Float(required=True)
    bearing = fields.Float(required=True)


class CountryOut(BareSchema):
    country = fields.String(required=True)
    countryName = fields.String(required=True)
    cities = fields.Integer(required=True)


class NamesOut(BareSchema):
    otherNames = fields.List(fields.String(), required=True)


class ListQuery(PageQuery):
    country = Country(max=2)
    state = Text(max=100)
    min_population = fields.Integer(validate=PEOPLE)
    max_population = fields.Integer(validate=PEOPLE)
    timezone = Text(max=64, validate=timezones.is_known)
    is_active = fields.Boolean(load_default=True)
    sort = fields.String(load_default="name", validate=validate.OneOf([s + k for k in SORTS for s in ("", "-")]))

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "min_population", "max_population", "maxPopulation")


class AroundQuery(Schema):
    """What bounds a question for near cities."""

    radius_km = fields.Float(load_default=50.0, validate=validate.Range(0, MAX_RADIUS_KM, min_inclusive=False))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    country = Country(max=2)
    min_population = fields.Integer(validate=PEOPLE)


class NearQuery(AroundQuery):
    latitude = fields.Float(required=True, validate=LATITUDE)
    longitude = fields.Float(required=True, validate=LONGITUDE)


class SearchQuery(Schema):
    q = Text(max=100, required=True)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    country = Country(max=2)
    latitude = fields.Float(validate=LATITUDE)
    longitude = fields.Float(validate=LONGITUDE)

    @validates_schema
    def _whole_point(self, data: dict[str, Any], **_: Any) -> None:
        for name, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if name in data and other not in data:
                raise ValidationError(f"A point needs {name} and {other}.", other)

    @post_load
    def _folded(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The question as the index has names; a pair for the point."""
        data["q"] = fold(data["q"])
        if not data["q"]:
            raise ValidationError("Give at least one letter or digit.", "q")
        if "latitude" in data:
            data["point"] = data.pop("latitude"), data.pop("longitude")
        return data


class DistanceQuery(Schema):
    start = fields.UUID(data_key="from", required=True)
    end = fields.UUID(data_key="to", required=True)
