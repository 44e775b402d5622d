"""Nearest cities by comparing all of them: slow, and obviously correct."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

RADIUS = 6371.0088
SAME = 1e-3
"""A meter: cities whose distances differ by less may come in either order."""


class Known(NamedTuple):
    id: str
    latitude: float
    longitude: float
    country: str
    population: int


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """A separate implementation, so that the tested formula is not compared with itself."""
    phi1, phi2 = radians(lat1), radians(lat2)
    a = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * RADIUS * asin(sqrt(min(1.0, a)))


def sort_by_distance(
    cities: Iterable[Known], latitude: float, longitude: float, keep: Callable[[Known], bool] = lambda _: True
) -> list[tuple[float, str]]:
    """Return (distance in kilometers, ID) of every city for which `keep` is true, nearest first."""
    pairs = [(haversine(latitude, longitude, c.latitude, c.longitude), c.id) for c in cities if keep(c)]
    return sorted(pairs)


def check(
    cities: Sequence[Mapping[str, Any]], expected: Sequence[tuple[float, str]], radius: float, limit: int
) -> None:
    """Assert that these are exactly the nearest cities within the radius, in order, with their distances."""
    inside = [pair for pair in expected if pair[0] <= radius]
    certain = [pair for pair in inside if pair[0] <= radius - SAME]
    assert min(len(certain), limit) <= len(cities) <= min(len([p for p in expected if p[0] <= radius + SAME]), limit)
    distances = {id_: distance for distance, id_ in expected}
    ids = [city["id"] for city in cities]
    assert len(set(ids)) == len(ids), "duplicate city"
    for city, (distance, _) in zip(cities, expected, strict=False):
        assert abs(city["distanceKm"] - distance) <= SAME, "wrong distance at this position"
        assert abs(city["distanceKm"] - distances[city["id"]]) <= SAME, "wrong distance of this city"
    distances_shown = [city["distanceKm"] for city in cities]
    assert distances_shown == sorted(distances_shown), "not sorted by distance"
    assert groups(ids, distances) == groups([id_ for _, id_ in expected[: len(ids)]], distances), "different cities"


def groups(ids: Sequence[str], distances: Mapping[str, float]) -> list[int]:
    """Count the IDs at each distance: cities at the same position are interchangeable."""
    return [len(list(same)) for _, same in groupby(sorted(round(distances[id_], 3) for id_ in ids))]
