"""The country and the time zone of a point."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
from heidi_services.city.gazetteer import time_zones
from heidi_services.city.geo import chord_of_km, unit_vector

MAX_DISTANCE_KM = 300.0
"""A city that is farther away says nothing about the country of the point."""

_CLOSEST = CompiledStatement(
    text(
        "SELECT country, chord FROM (SELECT country, pos <-> CAST(:place AS cube) AS chord FROM cities"
        " WHERE is_active AND timezone = :zone ORDER BY chord LIMIT 1) closest WHERE chord <= :radius"
    )
)


class Location(NamedTuple):
    """Where a point is.

    Attributes:
        country: ISO 3166-1 alpha-2; None at sea.
        timezone: A zone of the IANA database.
    """

    country: str | None
    timezone: str


def locate(latitude: float, longitude: float) -> Location:
    """Find the country and the time zone of a point in degrees.

    Polygons give the time zone. Some zones extend over several countries; the closest city in the same zone decides
    between them.
    """
    zone = time_zones.zone_at(latitude, longitude)
    if zone.startswith("Etc/"):
        return Location(None, zone)
    x, y, z = unit_vector(latitude, longitude)
    closest = _CLOSEST.first(place=f"({x!r},{y!r},{z!r})", zone=zone, radius=chord_of_km(MAX_DISTANCE_KM))
    return Location(closest.country if closest else time_zones.country_of(zone), zone)
