"""Fields of requests about places: countries, boxes, languages."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from marshmallow import ValidationError, fields, validate

from heidi_common.schemas.fields import Text
from heidi_services.city import countries
from heidi_services.city.bounding_box import BoundingBox
from heidi_services.city.import_record import MAX_POPULATION

LATITUDE = validate.Range(-90, 90)
LONGITUDE = validate.Range(-180, 180)
POPULATION = validate.Range(0, MAX_POPULATION)
MAX_COUNTRIES = 50

_LANGUAGE_TAG = re.compile("[a-z]{2,8}(-[a-z0-9]{1,8}){0,3}", re.IGNORECASE)


class CountryField(Text):
    """An existing ISO 3166-1 alpha-2 code, in upper or lower case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return _country(str(super()._deserialize(value, attr, data, **kwargs)))


class CountriesField(fields.Field[tuple[str, ...]]):
    """One or several countries: separated by commas, in JSON also an array."""

    def __init__(self, **kwargs: Any) -> None:
        about = "One or several ISO 3166-1 alpha-2 codes, separated by commas: `DE` or `DE,AT,CH`."
        super().__init__(metadata={"type": "string", "description": about, "example": "DE,AT"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            raise ValidationError("Must be ISO 3166-1 alpha-2 country codes, separated by commas.")
        codes = dict.fromkeys(_country(code.strip()) for text in texts for code in text.split(","))
        if not 1 <= len(codes) <= MAX_COUNTRIES:
            raise ValidationError(f"Must be 1 to {MAX_COUNTRIES} countries.")
        return tuple(codes)


class BoxField(fields.String):
    """A bounding box: `west,south,east,north` in degrees."""

    def __init__(self, **kwargs: Any) -> None:
        about = "`west,south,east,north` in degrees; it crosses the date line if west is greater than east."
        super().__init__(metadata={"description": about, "example": "5.9,45.8,10.5,47.8"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            west, south, east, north = map(float, str(text).split(","))
        except ValueError:
            raise ValidationError("Must be four numbers: `west,south,east,north`.") from None
        return _checked(BoundingBox(west, south, east, north))


class LanguageField(Text):
    """A language tag, in upper or lower case."""

    def __init__(self, **kwargs: Any) -> None:
        about = "Language of names: a BCP 47 tag such as `de` or `pt-BR`. Names without a translation stay as they are."
        super().__init__(max=35, metadata={"description": about}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        tag = str(super()._deserialize(value, attr, data, **kwargs))
        if not _LANGUAGE_TAG.fullmatch(tag):
            raise ValidationError("Must be a language tag (BCP 47), such as `de` or `pt-BR`.")
        return tag.lower()


def _country(code: str) -> str:
    if code.upper() not in countries.names():
        raise ValidationError("Must be an ISO 3166-1 alpha-2 country code.")
    return code.upper()


def _checked(box: BoundingBox) -> BoundingBox:
    if not all(map(isfinite, box)):
        raise ValidationError("Must be four finite numbers.")
    if not (-90 <= box.south <= box.north <= 90):
        raise ValidationError("Latitudes must be from -90 to 90, the southern one first: `west,south,east,north`.")
    if not (-180 <= box.west <= 180 and -180 <= box.east <= 180):
        raise ValidationError("Longitudes must be from -180 to 180.")
    return box
