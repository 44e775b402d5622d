"""One city of an import: validated by the same rules as the API, and normalized."""

from __future__ import annotations

import hashlib
from math import isfinite
from typing import Any, NamedTuple

import orjson

from heidi_common.schemas import timezones
from heidi_services.city import countries
from heidi_services.city.enums import CityKind
from heidi_services.city.geo import normalize_longitude
from heidi_services.city.name_matching import fold, index_names

MAX_NAME_LENGTH = 200
MAX_POPULATION = 2**31 - 1


class InvalidRecord(ValueError):
    """Why a line of an import is not a valid city."""


class CityRecord(NamedTuple):
    """A city that is ready to be stored.

    Attributes:
        source: Identifies the city in later imports.
        digest: Differs if the source has changed the city since.
        extra: The metadata, as JSON text.
        index_names: The folded names under which search finds the city.
        kind: A CityKind; None if the source does not say what the place is.
        has_id: Whether the source has given the city an ID.
    """

    source: str
    digest: str
    name: str
    country: str
    state: str | None
    latitude: float
    longitude: float
    population: int | None
    timezone: str | None
    extra: str | None
    other_names: list[str]
    index_names: list[str]
    kind: str | None
    has_id: bool


def build_record(
    source: str | None,
    *,
    name: str,
    country: str,
    state: str,
    latitude: Any,
    longitude: Any,
    population: Any,
    timezone: str,
    other_names: list[str],
    extra: dict[str, Any] | None,
    kind: str | None = None,
) -> CityRecord:
    """Validate and normalize a city.

    Args:
        source: The ID of the city in its source; None identifies it by country, name and position.
        name: 1 to 200 characters.
        country: ISO 3166-1 alpha-2.
        state: May be empty.
        latitude: Degrees, as a number or as text.
        longitude: Degrees, as a number or as text.
        population: A whole number, or text; 0 means unknown.
        timezone: A name of the IANA database; may be empty.
        other_names: Names that are too long, and duplicates, are left out.
        extra: The metadata.
        kind: A CityKind; None or empty if it is unknown.

    Raises:
        InvalidRecord: A value is invalid.
    """
    lat, lon = _degrees(latitude, 90, "latitude"), normalize_longitude(_degrees(longitude, 180, "longitude"))
    residents = _population(population)
    _check_text(name, country, timezone)
    if kind and kind not in set(CityKind):
        raise InvalidRecord(f"kind {kind!r} is not one of {', '.join(CityKind)}")
    others = [other for other in dict.fromkeys(other_names) if other != name and 0 < len(other) <= MAX_NAME_LENGTH]
    metadata = orjson.dumps(extra).decode() if extra else None
    # Not the kind: rows that were imported before there was one would all count as changed.
    values = (name, country, state or None, lat, lon, residents or None, timezone or None, metadata, others)
    digest = _digest(values)
    own = source or f"csv:{country}:{fold(name)}:{lat:.4f}:{lon:.4f}"
    return CityRecord(own, digest, *values, index_names([name, *others]), kind or None, source is not None)


def _digest(values: tuple[Any, ...]) -> str:
    try:
        return hashlib.blake2b(orjson.dumps(values), digest_size=16).hexdigest()
    except TypeError:
        raise InvalidRecord("is not valid UTF-8") from None


def _degrees(value: Any, limit: int, field: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise InvalidRecord(f"{field} {value!r} is not a number") from None
    if not (isfinite(number) and -limit <= number <= limit):
        raise InvalidRecord(f"{field} {value!r} is not between -{limit} and {limit}")
    return number


def _population(value: Any) -> int:
    try:
        number = int(value or 0)
    except ValueError:
        raise InvalidRecord(f"population {value!r} is not a whole number") from None
    if not 0 <= number <= MAX_POPULATION:
        raise InvalidRecord(f"population {value!r} is not between 0 and {MAX_POPULATION}")
    return number


def _check_text(name: str, country: str, timezone: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_LENGTH or "\x00" in name:
        raise InvalidRecord(f"name must have 1 to {MAX_NAME_LENGTH} characters and no NUL")
    if country not in countries.names():
        raise InvalidRecord(f"country {country!r} is not a country code")
    if timezone and timezone not in timezones.timezone_names():
        raise InvalidRecord(f"timezone {timezone!r} is not a time zone")
