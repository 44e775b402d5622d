"""The oracle itself: it rejects every kind of incorrect result."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.city.oracle import Known, check, sort_by_distance

CITIES = [Known(str(number), 0.0, number / 10, "DE", 0) for number in range(30)]
EXPECTED = sort_by_distance(CITIES, 0, 0)
Cities = list[dict[str, Any]]


def nearest() -> Cities:
    return [{"id": id_, "distanceKm": round(distance, 3)} for distance, id_ in EXPECTED[:10]]


def test_a_correct_result_passes() -> None:
    check(nearest(), EXPECTED, 1000, 10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cities: cities[:-1],
        lambda cities: cities[1:],
        lambda cities: [*cities[:3], cities[4], cities[3], *cities[5:]],
        lambda cities: [*cities[:5], cities[4], *cities[6:]],
        lambda cities: [cities[0] | {"distanceKm": 0.002}, *cities[1:]],
        lambda cities: [*cities[:9], {"id": "29", "distanceKm": cities[9]["distanceKm"]}],
        lambda cities: [*cities, {"id": "10", "distanceKm": 111.195}],
    ],
    ids=["one short", "first missing", "swapped", "twice", "distance off", "another city", "one too many"],
)
def test_an_incorrect_result_is_rejected(spoil: Callable[[Cities], Cities]) -> None:
    with pytest.raises(AssertionError):
        check(spoil(nearest()), EXPECTED, 1000, 10)


def test_cities_outside_the_radius_are_rejected() -> None:
    with pytest.raises(AssertionError):
        check(nearest(), EXPECTED, 90, 10)
