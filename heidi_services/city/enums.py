"""Values of columns and parameters of the city service."""

from enum import StrEnum


class CityKind(StrEnum):
    """What a place is known to be."""

    CITY = "CITY"
    DISTRICT = "DISTRICT"
    """A part of a city, such as Mitte in Berlin."""


class KindFilter(StrEnum):
    """Which places a request asks for."""

    CITY = "CITY"
    """All places that are not known to be districts."""
    DISTRICT = "DISTRICT"
    ANY = "ANY"
