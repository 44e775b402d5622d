"""The judge is judged: the oracle refuses every kind of wrong answer."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.city.oracle import Known, check, everything_by_distance

CITIES = [Known(str(number), 0.0, number / 10, "DE", 0) for number in range(30)]
TRUTH = everything_by_distance(CITIES, 0, 0)
Answer = list[dict[str, Any]]


def answer() -> Answer:
    return [{"id": id_, "distanceKm": round(distance, 3)} for distance, id_ in TRUTH[:10]]


def test_a_right_answer_passes() -> None:
    check(answer(), TRUTH, 1000, 10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found[:-1],
        lambda found: found[1:],
        lambda found: [*found[:3], found[4], found[3], *found[5:]],
        lambda found: [*found[:5], found[4], *found[6:]],
        lambda found: [found[0] | {"distanceKm": 0.002}, *found[1:]],
        lambda found: [*found[:9], {"id": "29", "distanceKm": found[9]["distanceKm"]}],
        lambda found: [*found, {"id": "10", "distanceKm": 111.195}],
    ],
    ids=["one short", "first missing", "swapped", "twice", "distance off", "another city", "one too many"],
)
def test_a_wrong_answer_is_refused(spoil: Callable[[Answer], Answer]) -> None:
    with pytest.raises(AssertionError):
        check(spoil(answer()), TRUTH, 1000, 10)


def test_what_lies_outside_the_radius_is_refused() -> None:
    with pytest.raises(AssertionError):
        check(answer(), TRUTH, 90, 10)
