"""Nearest cities by looking at every one of them: slow, and obviously right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

RADIUS = 6371.0088
SAME = 1e-3
"""A metre: places whose distances differ by less may come in either order."""


class Known(NamedTuple):
    id: str
    latitude: float
    longitude: float
    country: str
    population: int


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Written anew here, so that the tested formula is not its own judge."""
    phi1, phi2 = radians(lat1), radians(lat2)
    a = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * RADIUS * asin(sqrt(min(1.0, a)))


def everything_by_distance(
    cities: Iterable[Known], latitude: float, longitude: float, keep: Callable[[Known], bool] = lambda _: True
) -> list[tuple[float, str]]:
    """Every city that is kept, with its distance, nearest first."""
    found = [(haversine(latitude, longitude, c.latitude, c.longitude), c.id) for c in cities if keep(c)]
    return sorted(found)


def check(
    answer: Sequence[Mapping[str, Any]], expected: Sequence[tuple[float, str]], radius: float, limit: int
) -> None:
    """The answer has exactly the nearest ones within the radius, in order, with their distances."""
    inside = [pair for pair in expected if pair[0] <= radius]
    sure = [pair for pair in inside if pair[0] <= radius - SAME]
    assert min(len(sure), limit) <= len(answer) <= min(len([p for p in expected if p[0] <= radius + SAME]), limit)
    truth = {id_: distance for distance, id_ in expected}
    got = [city["id"] for city in answer]
    assert len(set(got)) == len(got), "a city stands twice"
    for city, (distance, _) in zip(answer, expected, strict=False):
        assert abs(city["distanceKm"] - distance) <= SAME, "another distance at this place of the order"
        assert abs(city["distanceKm"] - truth[city["id"]]) <= SAME, "not the distance of this city"
    shown = [city["distanceKm"] for city in answer]
    assert shown == sorted(shown), "not in order"
    assert groups(got, truth) == groups([id_ for _, id_ in expected[: len(got)]], truth), "another set"


def groups(ids: Sequence[str], truth: Mapping[str, float]) -> list[int]:
    """How many ids there are at each distance: the set, where places on one spot may stand for each other."""
    return [len(list(same)) for _, same in groupby(sorted(round(truth[id_], 3) for id_ in ids))]
