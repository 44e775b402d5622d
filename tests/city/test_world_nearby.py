"""Nearest cities within a radius, among 34 thousand, compared with the oracle."""

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
from tests.city.oracle import Known, check, sort_by_distance

MAX_RADIUS_KM = 20038
ALL = CompiledStatement(
    text("SELECT id, latitude, longitude, country, coalesce(population, 0) AS population FROM cities")
)
WITHOUT_DISTRICTS = CompiledStatement(
    text(
        "SELECT id, latitude, longitude, country, coalesce(population, 0) AS population FROM cities"
        " WHERE kind IS DISTINCT FROM 'DISTRICT'"
    )
)


@pytest.fixture(scope="module")
def cities(world: FlaskClient) -> list[Known]:
    return [Known(str(r.id), r.latitude, r.longitude, r.country, r.population) for r in WITHOUT_DISTRICTS.all()]


@pytest.fixture(scope="module")
def places(world: FlaskClient) -> list[Known]:
    """All cities, with districts."""
    return [Known(str(r.id), r.latitude, r.longitude, r.country, r.population) for r in ALL.all()]


def get_nearest(
    world: FlaskClient, latitude: float, longitude: float, radius: float, limit: int, rest: str = ""
) -> list[dict]:
    query = f"latitude={latitude!r}&longitude={longitude!r}&radiusKm={radius!r}&limit={limit}{rest}"
    response = world.get(f"/api/v1/cities/nearby?{query}")
    assert response.status_code == 200, response.text
    return response.json["data"]


@settings(max_examples=25, deadline=None)
@given(
    latitude=st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 89.999999, 0.0])),
    longitude=st.one_of(st.floats(-180, 180), st.sampled_from([180.0, -180.0, 179.999999, 0.0])),
    radius=st.one_of(st.floats(0.1, MAX_RADIUS_KM), st.sampled_from([50.0, 500.0, float(MAX_RADIUS_KM)])),
    limit=st.integers(1, 100),
)
def test_any_point_has_exactly_its_nearest_cities(
    world: FlaskClient, cities: list[Known], latitude: float, longitude: float, radius: float, limit: int
) -> None:
    expected = sort_by_distance(cities, latitude, longitude)
    check(get_nearest(world, latitude, longitude, radius, limit), expected, radius, limit)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_filtered_cities_are_exactly_the_nearest(world: FlaskClient, cities: list[Known], data: st.DataObject) -> None:
    latitude, longitude = data.draw(st.floats(-90, 90)), data.draw(st.floats(-180, 180))
    country = data.draw(st.sampled_from(["DE", "TV", "US", "FJ", "NU"]))
    min_population = data.draw(st.sampled_from([0, 20_000, 100_000, 1_000_000]))

    def keep(city: Known) -> bool:
        return city.country == country and city.population >= min_population

    expected = sort_by_distance(cities, latitude, longitude, keep)
    nearest = get_nearest(
        world, latitude, longitude, MAX_RADIUS_KM, 20, f"&country={country}&minPopulation={min_population}"
    )
    check(nearest, expected, MAX_RADIUS_KM, 20)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_city_has_exactly_its_nearest_cities(world: FlaskClient, cities: list[Known], data: st.DataObject) -> None:
    city = data.draw(st.sampled_from(cities))
    others = sort_by_distance(cities, city.latitude, city.longitude, lambda other: other.id != city.id)
    nearest = world.get(f"/api/v1/cities/{city.id}/nearby?radiusKm=200&limit=50").json["data"]
    check(nearest, others, 200, 50)


@pytest.mark.parametrize(("latitude", "longitude"), [(52.52, 13.4), (40.76, -73.98), (19.07, 72.88), (0, 0)])
def test_with_districts_all_places_are_nearest(
    world: FlaskClient, places: list[Known], latitude: float, longitude: float
) -> None:
    nearest = get_nearest(world, latitude, longitude, 500.0, 100, "&kind=ANY")
    check(nearest, sort_by_distance(places, latitude, longitude), 500.0, 100)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(90, 0), (-90, 0), (90, 180), (-90, -180), (0, 180), (0, -180), (-17, 179.9999), (-17, -179.9999), (0, 0)],
)
def test_the_poles_both_sides_of_the_date_line_and_null_island(
    world: FlaskClient, cities: list[Known], latitude: float, longitude: float
) -> None:
    expected = sort_by_distance(cities, latitude, longitude)
    for radius in (50.0, 3000.0, float(MAX_RADIUS_KM)):
        check(get_nearest(world, latitude, longitude, radius, 100), expected, radius, 100)
