"""One city as a source has it, checked by the rules of the API."""

from __future__ import annotations

import hashlib
from math import isfinite
from typing import Any, NamedTuple

import orjson

from heidi_common.schemas import timezones
from heidi_services.city import countries
from heidi_services.city.geo import wrapped
from heidi_services.city.name_matching import fold, index_names

LONGEST_NAME = 200
MOST_PEOPLE = 2**31 - 1


class Unusable(ValueError):
    """Why a line cannot become a city."""


class Place(NamedTuple):
    """A city ready to be stored; `source` finds it again at the next import, `digest` tells whether it changed."""

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


def place(
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
) -> Place:
    """Checked and folded; nobody living there means that nobody counted. Raises Unusable."""
    lat, lon = _degrees(latitude, 90, "latitude"), wrapped(_degrees(longitude, 180, "longitude"))
    people = _people(population)
    _check_words(name, country, timezone)
    others = [other for other in dict.fromkeys(other_names) if other != name and 0 < len(other) <= LONGEST_NAME]
    stored = orjson.dumps(extra).decode() if extra else None
    values = (name, country, state or None, lat, lon, people or None, timezone or None, stored, others)
    try:
        digest = hashlib.blake2b(orjson.dumps(values), digest_size=16).hexdigest()
    except TypeError:
        raise Unusable("is not valid UTF-8") from None
    # Without an id of its own a place is known by its name and where it lies.
    own = source or f"csv:{country}:{fold(name)}:{lat:.4f}:{lon:.4f}"
    return Place(own, digest, *values, index_names([name, *others]))


def _degrees(value: Any, limit: int, what: str) -> float:
    try:
        found = float(value)
    except ValueError:
        raise Unusable(f"{what} {value!r} is not a number") from None
    if not (isfinite(found) and -limit <= found <= limit):
        raise Unusable(f"{what} {value!r} is not between -{limit} and {limit}")
    return found


def _people(value: Any) -> int:
    try:
        found = int(value or 0)
    except ValueError:
        raise Unusable(f"population {value!r} is not a whole number") from None
    if not 0 <= found <= MOST_PEOPLE:
        raise Unusable(f"population {value!r} is out of range")
    return found


def _check_words(name: str, country: str, timezone: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or "\x00" in name:
        raise Unusable("has no usable name")
    if country not in countries.names():
        raise Unusable(f"{country!r} is not a country code")
    if timezone and timezone not in timezones.names():
        raise Unusable(f"{timezone!r} is not a time zone")
