"""The sphere has laws; these hold for every place on it."""

from math import isclose, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_services.city.geo import (
    EARTH_RADIUS_KM,
    bearing,
    chord_of_km,
    distance_km,
    km_of_chord,
    normalize_longitude,
    unit_vector,
)

HALF_WAY_ROUND = pi * EARTH_RADIUS_KM
latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
places = st.tuples(latitudes, longitudes)


def chord(a: tuple[float, float], b: tuple[float, float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(unit_vector(*a), unit_vector(*b), strict=True)) ** 0.5


@given(places)
def test_every_place_lies_on_the_unit_sphere(place: tuple[float, float]) -> None:
    assert isclose(sum(x * x for x in unit_vector(*place)), 1, abs_tol=1e-15 * 4)


@given(places, places)
def test_the_chord_tells_the_same_distance_as_the_haversine_formula(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    expected = distance_km(*a, *b)
    # At the antipode both formulas lose half their digits: decimetres instead of nanometres.
    allowed = 1e-3 if expected > HALF_WAY_ROUND - 100 else 1e-6
    assert isclose(km_of_chord(chord(a, b)), expected, abs_tol=allowed)


@given(places, places)
def test_the_distance_is_the_same_in_both_directions(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert isclose(distance_km(*a, *b), distance_km(*b, *a), abs_tol=1e-3)


@given(st.floats(0, 19_900))
def test_the_chord_of_a_radius_spans_that_radius(km: float) -> None:
    assert isclose(km_of_chord(chord_of_km(km)), km, abs_tol=1e-6)


@given(st.floats(HALF_WAY_ROUND, 1e6))
def test_half_the_circumference_and_more_is_the_whole_sphere(km: float) -> None:
    assert chord_of_km(km) == 2


@given(places, places)
def test_a_bearing_is_never_360_and_has_two_decimals(a: tuple[float, float], b: tuple[float, float]) -> None:
    found = bearing(*a, *b)
    assert 0 <= found < 360 and found == round(found, 2)


@given(longitudes, longitudes)
def test_all_longitudes_meet_at_the_pole(one: float, other: float) -> None:
    assert distance_km(90, one, 90, other) < 1e-9
    assert distance_km(-90, one, -90, other) < 1e-9


@given(latitudes)
def test_the_date_line_is_no_border(latitude: float) -> None:
    assert distance_km(latitude, 179.999, latitude, -179.999) < 0.23


@pytest.mark.parametrize(
    ("start", "end", "km", "degrees"),
    [
        ((0, 0), (0, 90), HALF_WAY_ROUND / 2, 90),
        ((0, 0), (90, 0), HALF_WAY_ROUND / 2, 0),
        ((0, 0), (-90, 0), HALF_WAY_ROUND / 2, 180),
        ((0, 0), (0, 180), HALF_WAY_ROUND, 90),
        ((0, 1), (0, 0), HALF_WAY_ROUND / 180, 270),
        # Lyon and Paris, the example of the Python package haversine.
        ((45.7597, 4.8422), (48.8567, 2.3508), 392.217, 332.4),
    ],
)
def test_known_distances_and_courses(
    start: tuple[float, float], end: tuple[float, float], km: float, degrees: float
) -> None:
    assert distance_km(*start, *end) == pytest.approx(km, abs=5e-4)
    assert bearing(*start, *end) == pytest.approx(degrees, abs=0.1)


def test_the_date_line_has_one_name() -> None:
    assert normalize_longitude(180.0) == -180.0
    assert normalize_longitude(-180.0) == -180.0
    assert normalize_longitude(179.9999) == 179.9999
