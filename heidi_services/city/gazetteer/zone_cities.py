"""Names of the cities after which time zones are called, in the languages of CLDR."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale
from babel.core import UnknownLocaleError


@lru_cache(maxsize=8)
def names_in(language: str) -> dict[str, str]:
    """Return time zone -> name of its city in a language (BCP 47); empty for an unknown language.

    English is the language of the other names, so it has none here.
    """
    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return {}
    return {zone: names["city"] for zone, names in locale.time_zones.items() if "city" in names}
