"""Which cities a request asks for, as conditions of SQL on the columns of `cities`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heidi_services.city.bounding_box import BoundingBox
from heidi_services.city.enums import KindFilter

_KINDS = {
    KindFilter.CITY: "cities.kind IS DISTINCT FROM 'DISTRICT'",
    KindFilter.DISTRICT: "cities.kind = 'DISTRICT'",
}
_IN_BOX = "cities.pos <@ CAST(:box AS cube) AND cities.latitude BETWEEN :south AND :north AND "
_BETWEEN = "cities.longitude BETWEEN :west AND :east"
_ACROSS_THE_DATE_LINE = "(cities.longitude >= :west OR cities.longitude <= :east)"


@dataclass(frozen=True)
class CityFilter:
    """Conditions that cities must meet.

    Attributes:
        countries: ISO 3166-1 alpha-2; empty for all countries.
        kind: Whether districts are left out, the only ones, or included.
        min_population: The least known population; None for any, also unknown.
        box: Only cities in it.
    """

    countries: tuple[str, ...] = ()
    kind: str = KindFilter.CITY
    min_population: int | None = None
    box: BoundingBox | None = None

    @property
    def sql(self) -> str:
        """The conditions, each beginning with ` AND `. There are few different ones, so statements can be reused."""
        conditions = [
            self._countries(),
            _KINDS.get(KindFilter(self.kind)),
            None if self.min_population is None else "cities.population >= :min_population",
            self._box(),
        ]
        return "".join(f" AND {condition}" for condition in conditions if condition)

    def parameters(self) -> dict[str, Any]:
        """Return the values of the parameters in `sql`, by name."""
        parameters: dict[str, Any] = {}
        if self.countries:
            parameters |= {"country": self.countries[0], "countries": list(self.countries)}
        if self.min_population is not None:
            parameters["min_population"] = self.min_population
        if self.box is not None:
            parameters |= {"box": self.box.cube()} | self.box._asdict()
        return parameters

    def _countries(self) -> str | None:
        """One country is compared by `=`, for which there is a separate index."""
        if len(self.countries) == 1:
            return "cities.country = :country"
        return "cities.country = ANY(:countries)" if self.countries else None

    def _box(self) -> str | None:
        if self.box is None:
            return None
        return _IN_BOX + (_ACROSS_THE_DATE_LINE if self.box.west > self.box.east else _BETWEEN)


NO_FILTER = CityFilter()
