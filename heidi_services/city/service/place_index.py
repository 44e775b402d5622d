"""The index of names of countries and regions. An import fills it if the packages with the names have changed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from sqlalchemy import text

from heidi_common.database.session import db
from heidi_services.city.gazetteer import data_version
from heidi_services.city.gazetteer.country_names import country_names
from heidi_services.city.gazetteer.place_name import PlaceName
from heidi_services.city.gazetteer.region_names import region_names
from heidi_services.city.gazetteer.zone_cities import zone_city_names
from heidi_services.city.name_matching import fold
from heidi_services.city.service.copy_format import copy_row

BATCH = 5000


def refresh() -> bool:
    """Fill the index if it is empty or was filled from other versions of the packages, within the caller's transaction.

    Returns:
        Whether the index has changed.
    """
    current = data_version.names_version()
    if db.session.scalar(text("SELECT version FROM place_names_version")) == current:
        return False
    db.session.execute(text("DELETE FROM place_names"))
    db.session.execute(text("DELETE FROM place_names_version"))
    _copy(_rows(chain(country_names(), region_names(), zone_city_names())))
    db.session.execute(text("INSERT INTO place_names_version VALUES (:version)"), {"version": current})
    db.session.execute(text("ANALYZE place_names"))
    return True


def _rows(names: Iterable[PlaceName]) -> Iterator[str]:
    """Yield a line for each name, each spelling once for the same place and language."""
    seen: set[tuple[str, ...]] = set()
    for place in names:
        key = (name := fold(place.text), place.country, place.region, place.language)
        if name and key not in seen:
            seen.add(key)
            yield copy_row((name, place.country, place.region, int(place.level), place.language, place.text))


def _copy(lines: Iterator[str]) -> None:
    cursor = db.session.connection().connection.cursor()
    while batch := list(islice(lines, BATCH)):
        cursor.copy_expert("COPY place_names FROM STDIN", io.StringIO("".join(batch)))
