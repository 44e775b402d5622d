"""Names of countries, regions and cities in the language of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from heidi_common.config.settings import Settings
from heidi_common.database.compiled import CompiledStatement
from heidi_common.runtime import per_app
from heidi_services.city.gazetteer import scripts
from heidi_services.city.name_matching import fold
from heidi_services.city.naming import ENGLISH, Naming

MAX_LANGUAGES = 8
"""How many languages a process keeps: each takes about 0.5 MB."""

_IN_LANGUAGE = CompiledStatement(
    text("SELECT country, region, min(text) AS text FROM place_names WHERE language = :language GROUP BY 1, 2")
)
_OTHER_NAMES = CompiledStatement(
    text("SELECT id, name, country, timezone, other_names FROM cities WHERE id = ANY(:ids)")
)

Names = dict[tuple[str, str], str]


@per_app
def _languages(_settings: Settings) -> dict[str, Names]:
    """The languages that were used last: tag in lower case -> (country, region) -> name."""
    return {}


def naming(language: str | None, rows: Iterable[Any]) -> Naming:
    """Return how to name the cities of a response, their regions and countries.

    Args:
        language: BCP 47 tag; None for the default names, which are English for countries and regions.
        rows: The cities: objects with `id`.
    """
    if language is None:
        return ENGLISH
    names = _place_names(language)
    return Naming(names, _city_names(language, names, [UUID(str(row.id)) for row in rows]))


def _place_names(language: str) -> Names:
    """Return the names in a language, or in the one that it is a variant of: those of `de` for `de-AT`."""
    tag = language.lower()
    names: Names = {}
    for shorter in reversed(_shortened(tag)):
        names = names | _load(shorter)
    return names


def _load(tag: str) -> Names:
    languages = _languages()
    if (names := languages.pop(tag, None)) is None:
        names = {(row.country, row.region): row.text for row in _IN_LANGUAGE.all(language=tag)}
    if names:
        languages[tag] = names  # the last one is the one that was used last
    while len(languages) > MAX_LANGUAGES:
        languages.pop(next(iter(languages)), None)
    return names


def _shortened(tag: str) -> list[str]:
    """`zh-hant-hk` -> `zh-hant-hk`, `zh-hant`, `zh`."""
    parts = tag.split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _city_names(language: str, names: Names, ids: list[UUID]) -> dict[str, str]:
    """Return city ID -> its name in the language, as far as the data has one."""
    rows = _OTHER_NAMES.all(ids=ids) if ids else []
    named = ((str(row.id), _city_name(row, language, names)) for row in rows)
    return {city_id: name for city_id, name in named if name}


def _city_name(row: Any, language: str, names: Names) -> str | None:
    """The name of the city after which the time zone is called, or the name in a script of this language alone."""
    own_names = [row.name, *row.other_names]
    zone_name = names.get((row.country, row.timezone)) if row.timezone else None
    if zone_name and fold(zone_name) in set(map(fold, own_names)):
        return zone_name
    return scripts.first_in_script(own_names, language)
