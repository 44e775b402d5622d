"""Names of the cities after which time zones are called, in the languages of CLDR."""

from __future__ import annotations

from collections.abc import Iterator

from heidi_services.city.gazetteer import cldr
from heidi_services.city.gazetteer.place_name import Level, PlaceName
from heidi_services.city.gazetteer.time_zones import country_of


def zone_city_names() -> Iterator[PlaceName]:
    """Yield the names. Their region is the time zone."""
    for language, locale in cldr.locales():
        for zone, names in locale.time_zones.items():
            country = country_of(zone)
            if country and "city" in names:
                yield PlaceName(names["city"], language, country, zone, Level.ZONE)
