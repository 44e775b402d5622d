"""Search on the 34 thousand real cities."""

import pytest
from flask.testing import FlaskClient

from heidi_services.city.name_matching import LETTERS, fold, index_names


def first(world: FlaskClient, query: str) -> str:
    cities = world.get(f"/api/v1/cities/search?q={query}").json["data"]
    return cities[0]["name"] if cities else "-"


@pytest.mark.parametrize("q", ["Munich", "münchen", "Munchen", "Muenchen", "Munchne", "MÜNCHEN", "Мюнхен", "慕尼黑"])
def test_munich_comes_first_by_any_of_its_names(world: FlaskClient, q: str) -> None:
    assert first(world, q) == "Munich"


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("Frankfurt", "Frankfurt am Main"),
        ("Frankfurt&latitude=52.3&longitude=14.5", "Frankfurt (Oder)"),
        ("Frankfurt&latitude=50.1&longitude=8.6", "Frankfurt am Main"),
        ("Frankfrut&latitude=52.3&longitude=14.5", "Frankfurt (Oder)"),
        ("Paris", "Paris"),
        ("Paris&latitude=33.6&longitude=-95.5", "Paris"),
        ("London&country=CA", "London"),
        ("Brelin", "Berlin"),
        ("Rmoe", "Rome"),
        ("Kobenhavn", "Copenhagen"),
        ("newyork", "New York City"),
        ("new yrok", "New York City"),
        ("Cologne", "Köln"),
        ("koeln", "Köln"),
        ("sao paolo", "São Paulo"),
        ("Reykjavik", "Reykjavík"),
        ("Saint Petersberg", "Saint Petersburg"),
        ("San Fran", "San Francisco"),
    ],
)
def test_the_obvious_city_comes_first(world: FlaskClient, q: str, name: str) -> None:
    assert first(world, q) == name


@pytest.mark.parametrize("q", ["Köln", "koln", "Köln&latitude=50.9&longitude=6.9", "Köln&country=DE", "Bonn", "Lyon"])
def test_an_exact_name_returns_no_cities_that_are_merely_similar(world: FlaskClient, q: str) -> None:
    cities = world.get(f"/api/v1/cities/search?q={q}").json["data"]
    word = fold(q.partition("&")[0])
    for city in cities:
        names = world.get(f"/api/v1/cities/{city['id']}/names").json["data"]["otherNames"]
        assert any(name.startswith(word) for name in index_names([city["name"], *names])), city["name"]


def test_near_paris_in_texas_paris_is_in_texas(world: FlaskClient) -> None:
    paris = world.get("/api/v1/cities/search?q=Paris&latitude=33.6&longitude=-95.5").json["data"][0]
    assert (paris["country"], paris["state"]) == ("US", "TX")


def test_a_short_prefix_near_a_point_finds_small_cities_there(world: FlaskClient) -> None:
    """Hundreds of more popular cities begin with S; the point is in Suhl."""
    cities = world.get("/api/v1/cities/search?q=s&latitude=50.609&longitude=10.694").json["data"]
    assert cities[0]["name"] == "Suhl"


@pytest.mark.parametrize("letter", LETTERS)
def test_a_single_letter_is_a_valid_query(world: FlaskClient, letter: str) -> None:
    response = world.get(f"/api/v1/cities/search?q={letter}&limit=100").json
    assert len(response["data"]) == 100 and response["meta"]["hasMore"] is True


@pytest.mark.parametrize("q", ["zzzzqqqq", "%25", "'; DROP TABLE cities; --", "\\", "a" * 100])
def test_nonsense_is_handled_without_an_error(world: FlaskClient, q: str) -> None:
    assert world.get(f"/api/v1/cities/search?q={q}").status_code in (200, 422)
