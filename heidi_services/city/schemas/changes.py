"""Bodies of requests that create and change cities."""

from __future__ import annotations

from marshmallow import fields, validate

from heidi_common.schemas import timezones
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import Flag, FreeJson, Number, Text
from heidi_common.schemas.validators import Length, not_blank
from heidi_services.city.enums import CityKind
from heidi_services.city.schemas.fields import LATITUDE, LONGITUDE, POPULATION, CountryField


class CityPatch(Schema):
    """Any of the fields of a city; null clears a field that is optional."""

    name = Text(max=200, validate=not_blank)
    country = CountryField(max=2)
    state = Text(
        max=100, allow_none=True, metadata={"description": "The GeoNames code of the region, or the name of one."}
    )
    latitude = Number(validate=LATITUDE)
    longitude = Number(validate=LONGITUDE, metadata={"description": "180 is stored as -180."})
    population = fields.Integer(strict=True, validate=POPULATION, allow_none=True)
    timezone = Text(max=64, allow_none=True, validate=timezones.validate_timezone)
    kind = fields.String(validate=validate.OneOf(list(CityKind)), allow_none=True)
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
