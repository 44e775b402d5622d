"""One name of a country or region."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """What a name denotes."""

    COUNTRY = 0
    REGION = 1
    COUNTY = 2
    """A part of a region, such as a county: it identifies the region."""
    ZONE = 3
    """The city after which a time zone is called. It is never what follows the name of a city."""


class PlaceName(NamedTuple):
    """One name of a country or region.

    Attributes:
        text: The name, as it is displayed.
        language: BCP 47 tag in lower case; empty for codes, abbreviations and names of unknown language.
        country: ISO 3166-1 alpha-2.
        region: GeoNames code of the first-level region; empty for a country; a time zone for the city of a zone.
        level: What the name denotes.
    """

    text: str
    language: str
    country: str
    region: str = ""
    level: Level = Level.COUNTRY
