"""English names of first-level regions, such as `Bavaria`, by country and GeoNames code."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from heidi_services.city.name_matching import fold

Region = tuple[str, str]
"""A country (ISO 3166-1 alpha-2) and the GeoNames code of a region in it: `("DE", "02")`."""


@cache
def english_names() -> dict[Region, str]:
    """Return region -> English name. The file is read once per process."""
    lines = files(__package__).joinpath("regions.tsv").read_text(encoding="utf-8").splitlines()
    return {_region(code): name for code, name in (line.split("\t") for line in lines)}


@cache
def by_english_name() -> dict[str, list[Region]]:
    """Return folded English name -> the regions with this name."""
    regions: dict[str, list[Region]] = {}
    for region, name in english_names().items():
        regions.setdefault(fold(name), []).append(region)
    return regions


def _region(code: str) -> Region:
    country, _, region = code.partition(".")
    return country, region
