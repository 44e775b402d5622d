"""Properties of distances and bearings that hold for every point on the sphere."""

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

HALF_CIRCUMFERENCE_KM = pi * EARTH_RADIUS_KM
latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)


def chord(a: tuple[float, float], b: tuple[float, float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(unit_vector(*a), unit_vector(*b), strict=True)) ** 0.5


@given(points)
def test_every_point_lies_on_the_unit_sphere(point: tuple[float, float]) -> None:
    assert isclose(sum(x * x for x in unit_vector(*point)), 1, abs_tol=1e-15 * 4)


@given(points, points)
def test_the_chord_and_the_haversine_formula_give_the_same_distance(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    expected = distance_km(*a, *b)
    # At the antipode both formulas lose half their digits: decimeters instead of nanometers.
    allowed = 1e-3 if expected > HALF_CIRCUMFERENCE_KM - 100 else 1e-6
    assert isclose(km_of_chord(chord(a, b)), expected, abs_tol=allowed)


@given(points, points)
def test_the_distance_is_the_same_in_both_directions(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert isclose(distance_km(*a, *b), distance_km(*b, *a), abs_tol=1e-3)


@given(st.floats(0, 19_900))
def test_the_chord_of_a_radius_spans_that_radius(km: float) -> None:
    assert isclose(km_of_chord(chord_of_km(km)), km, abs_tol=1e-6)


@given(st.floats(HALF_CIRCUMFERENCE_KM, 1e6))
def test_half_the_circumference_or_more_covers_the_whole_sphere(km: float) -> None:
    assert chord_of_km(km) == 2


@given(points, points)
def test_a_bearing_is_never_360_and_has_two_decimals(a: tuple[float, float], b: tuple[float, float]) -> None:
    result = bearing(*a, *b)
    assert 0 <= result < 360 and result == round(result, 2)


@given(longitudes, longitudes)
def test_all_longitudes_meet_at_the_pole(first: float, second: float) -> None:
    assert distance_km(90, first, 90, second) < 1e-9
    assert distance_km(-90, first, -90, second) < 1e-9


@given(latitudes)
def test_distances_across_the_date_line_are_short(latitude: float) -> None:
    assert distance_km(latitude, 179.999, latitude, -179.999) < 0.23


@pytest.mark.parametrize(
    ("start", "end", "km", "degrees"),
    [
        ((0, 0), (0, 90), HALF_CIRCUMFERENCE_KM / 2, 90),
        ((0, 0), (90, 0), HALF_CIRCUMFERENCE_KM / 2, 0),
        ((0, 0), (-90, 0), HALF_CIRCUMFERENCE_KM / 2, 180),
        ((0, 0), (0, 180), HALF_CIRCUMFERENCE_KM, 90),
        ((0, 1), (0, 0), HALF_CIRCUMFERENCE_KM / 180, 270),
        # Lyon and Paris, the example of the Python package haversine.
        ((45.7597, 4.8422), (48.8567, 2.3508), 392.217, 332.4),
    ],
)
def test_known_distances_and_bearings(
    start: tuple[float, float], end: tuple[float, float], km: float, degrees: float
) -> None:
    assert distance_km(*start, *end) == pytest.approx(km, abs=5e-4)
    assert bearing(*start, *end) == pytest.approx(degrees, abs=0.1)


def test_longitude_180_is_normalized_to_minus_180() -> None:
    assert normalize_longitude(180.0) == -180.0
    assert normalize_longitude(-180.0) == -180.0
    assert normalize_longitude(179.9999) == 179.9999
