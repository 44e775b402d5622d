"""Queries of the city service."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from heidi_common.schemas import timezones
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import Number, Text
from heidi_common.schemas.validators import Length, validate_range
from heidi_services.city import place_query
from heidi_services.city.enums import KindFilter
from heidi_services.city.geo import MAX_RADIUS_KM
from heidi_services.city.schemas.fields import LATITUDE, LONGITUDE, POPULATION, BoxField, CountriesField, LanguageField
from heidi_services.city.service.city_filter import CityFilter
from heidi_services.city.service.queries import SORTS

KINDS = "`CITY`: all places that are not known to be districts of a city; `DISTRICT`: these alone; `ANY`: both."
MAX_POINTS = 1000
MAX_MAP_POINTS = 50_000


def _kind(default: KindFilter) -> fields.String:
    return fields.String(
        load_default=default, validate=validate.OneOf(list(KindFilter)), metadata={"description": KINDS}
    )


class LanguageQuery(Schema):
    """The language of names."""

    lang = LanguageField(load_default=None)


class FilterQuery(LanguageQuery):
    """Which cities a request asks for. The fields are combined into `where`."""

    country = CountriesField()
    min_population = fields.Integer(validate=POPULATION)
    kind = _kind(KindFilter.CITY)
    bbox = BoxField()

    @post_load
    def _combine(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        data["where"] = CityFilter(
            data.pop("country", ()), data.pop("kind"), data.pop("min_population", None), data.pop("bbox", None)
        )
        return data


class CityListQuery(PageQuery, FilterQuery):
    state = Text(max=100, metadata={"description": "Code or name of a region, in any language."})
    max_population = fields.Integer(validate=POPULATION)
    timezone = Text(max=64, validate=timezones.validate_timezone)
    is_active = fields.Boolean(load_default=True)
    kind = _kind(KindFilter.ANY)
    sort = fields.String(load_default="name", validate=validate.OneOf([s + k for k in SORTS for s in ("", "-")]))

    @validates_schema
    def _range(self, data: dict[str, Any], **_: Any) -> None:
        validate_range(data, "min_population", "max_population", "maxPopulation")


class MapQuery(FilterQuery):
    """Which cities a map shows."""

    limit = fields.Integer(
        load_default=MAX_MAP_POINTS,
        validate=validate.Range(1, MAX_MAP_POINTS),
        metadata={"description": "The number of cities; the most populous ones are returned."},
    )


class NearbyQuery(FilterQuery):
    """Radius, number and filters of nearest cities."""

    radius_km = fields.Float(load_default=50.0, validate=validate.Range(0, MAX_RADIUS_KM, min_inclusive=False))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


class PointQuery(LanguageQuery):
    """A point in degrees."""

    latitude = fields.Float(required=True, validate=LATITUDE)
    longitude = fields.Float(required=True, validate=LONGITUDE)


class NearbyPointQuery(NearbyQuery, PointQuery):
    """Nearest cities of a point."""


class PointIn(Schema):
    """A point in degrees."""

    latitude = Number(required=True, validate=LATITUDE)
    longitude = Number(required=True, validate=LONGITUDE)


class NearbyPointsIn(FilterQuery):
    """Many points, and what to find around each of them."""

    points = fields.List(fields.Nested(PointIn), required=True, validate=Length(1, MAX_POINTS))
    radius_km = Number(load_default=50.0, validate=validate.Range(0, MAX_RADIUS_KM, min_inclusive=False))
    limit = fields.Integer(
        strict=True,
        load_default=1,
        validate=validate.Range(1, 10),
        metadata={"description": "The number of cities for each point."},
    )
    min_population = fields.Integer(strict=True, validate=POPULATION)

    @post_load
    def _pairs(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        data["points"] = [(point["latitude"], point["longitude"]) for point in data["points"]]
        return data


class CitySearchQuery(FilterQuery):
    q = Text(
        max=200,
        required=True,
        metadata={"description": "A name, or a name with its region, country or postal code, in any language."},
    )
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    latitude = fields.Float(validate=LATITUDE)
    longitude = fields.Float(validate=LONGITUDE)

    @validates_schema
    def _both_coordinates(self, data: dict[str, Any], **_: Any) -> None:
        for name, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if name in data and other not in data:
                raise ValidationError(f"`{other}` is required together with `{name}`.", other)

    @post_load
    def _parse_query(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Parse the text, and combine the coordinates into `point`."""
        data["query"] = place_query.parse(data.pop("q"))
        if not data["query"].text:
            raise ValidationError("Must contain at least one letter or digit.", "q")
        if "latitude" in data:
            data["point"] = data.pop("latitude"), data.pop("longitude")
        return data


class DistanceQuery(Schema):
    start = fields.UUID(data_key="from", required=True)
    end = fields.UUID(data_key="to", required=True)
