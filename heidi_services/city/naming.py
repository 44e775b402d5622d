"""How a response names cities, regions and countries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from heidi_services.city import countries
from heidi_services.city.gazetteer import regions


class Naming(NamedTuple):
    """Names in one language. English names, and the city's own name, are used where there is none.

    Attributes:
        places: (country, region or an empty string) -> name.
        cities: City ID -> name.
    """

    places: Mapping[tuple[str, str], str]
    cities: Mapping[str, str]

    def country(self, code: str) -> str:
        return self.places.get((code, "")) or countries.name_of(code)

    def region(self, country: str, state: str | None) -> str | None:
        """Name a region. A state that is not the code of a region is its own name."""
        if not state:
            return None
        return self.places.get((country, state)) or regions.english_names().get((country, state), state)

    def city(self, city_id: str, name: str) -> str:
        return self.cities.get(city_id, name)


ENGLISH = Naming({}, {})
