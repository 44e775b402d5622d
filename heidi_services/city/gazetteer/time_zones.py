"""The time zone of a point, and the country of a time zone.

Source: the polygons of timezone-boundary-builder (OpenStreetMap, ODbL 1.0) in the package tzfpy, simplified to some
hundred meters; zone.tab of the IANA database for the countries.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import tzfpy


def zone_at(latitude: float, longitude: float) -> str:
    """Return the time zone of a point in degrees; `Etc/GMT+3` and the like at sea. The polygons take 35 MB."""
    return tzfpy.get_tz(longitude, latitude)


def country_of(zone: str) -> str | None:
    """Return the country (ISO 3166-1 alpha-2) that a zone is named for; None for a zone at sea."""
    return _countries().get(zone)


@cache
def _countries() -> dict[str, str]:
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
