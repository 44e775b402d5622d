"""Which GeoNames places are districts of a city."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

DISTRICT_FEATURE = "PPLX"
"""GeoNames' feature code of districts: "section of populated place"."""


@cache
def ids() -> frozenset[int]:
    """Return the GeoNames IDs of districts. The file is read once per process."""
    return frozenset(map(int, files(__package__).joinpath("districts.txt").read_text().split()))
