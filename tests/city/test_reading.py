"""Lists, nearest cities, search and distances over HTTP, with a few cities."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from heidi_services.city.models import City
from tests.city.conftest import APIA, BERLIN, MUNICH, SUVA

URL = "/api/v1/cities"
GEOJSON = {"Accept": "application/geo+json"}


def names(client: FlaskClient, path: str) -> list[str]:
    response = client.get(URL + path)
    assert response.status_code == 200, response.text
    return [city["name"] for city in response.json["data"]]


@pytest.fixture
def four(make: Callable[..., City]) -> None:
    for city in (BERLIN, MUNICH, SUVA, APIA):
        make(**city)


@pytest.mark.usefixtures("four")
def test_nearest_cities_are_sorted_and_limited_by_the_radius(client: FlaskClient) -> None:
    assert names(client, "/nearby?latitude=48.2&longitude=11.6") == ["München"]
    near = client.get(f"{URL}/nearby?latitude=48.2&longitude=11.6&radiusKm=1000").json
    assert [city["name"] for city in near["data"]] == ["München", "Berlin"]
    assert [city["distanceKm"] for city in near["data"]] == [7.191, 497.661]
    assert near["meta"] == {"limit": 20, "hasMore": False, "nextCursor": None}


@pytest.mark.usefixtures("four")
def test_the_date_line_is_crossed(client: FlaskClient) -> None:
    suva, apia = client.get(f"{URL}/nearby?latitude=-16&longitude=180&radiusKm=2000").json["data"]
    assert (suva["name"], apia["name"]) == ("Suva", "Apia")
    assert 180 < suva["bearing"] < 270 and 0 < apia["bearing"] < 180


@pytest.mark.usefixtures("four")
def test_the_largest_radius_includes_every_city(client: FlaskClient) -> None:
    for point in ("latitude=90&longitude=0", "latitude=-90&longitude=0", "latitude=18.14161&longitude=-1.55851"):
        assert len(names(client, f"/nearby?{point}&radiusKm=20038")) == 4


@pytest.mark.usefixtures("four")
def test_nearest_cities_can_be_filtered(client: FlaskClient) -> None:
    everywhere = "/nearby?latitude=0&longitude=0&radiusKm=20038"
    assert names(client, f"{everywhere}&country=fj") == ["Suva"]
    assert names(client, f"{everywhere}&minPopulation=1505005") == ["München", "Berlin"]
    assert names(client, f"{everywhere}&country=DE&minPopulation=2000000") == ["Berlin"]
    assert names(client, f"{everywhere}&limit=1") == ["München"]
    assert client.get(f"{URL}{everywhere}&limit=1").json["meta"]["hasMore"] is True


def test_a_city_is_not_near_itself_but_another_at_the_same_position_is(
    client: FlaskClient, make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    make(**(BERLIN | {"name": "Berlin on the same spot"}))
    cities = client.get(f"{URL}/{city.id}/nearby").json["data"]
    assert [(near["name"], near["distanceKm"], near["bearing"]) for near in cities] == [
        ("Berlin on the same spot", 0.0, 0.0)
    ]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("q", ["Munich", "münchen", "Munchen", "Muenchen", "Munchne", "munic", "MÜNCHEN", "monaco di"])
def test_a_city_matches_any_of_its_names_with_one_typo(client: FlaskClient, q: str) -> None:
    assert names(client, f"/search?q={q}")[:1] == ["München"]


@pytest.mark.usefixtures("four")
def test_short_words_are_not_searched_for_typos(client: FlaskClient) -> None:
    assert names(client, "/search?q=ber") == ["Berlin"]
    assert names(client, "/search?q=bre") == []


def test_more_popular_and_nearer_cities_come_first(client: FlaskClient, make: Callable[..., City]) -> None:
    make(name="Springfield", country="US", latitude=39.8, longitude=-89.6, population=114_000)
    make(name="Springfield", country="US", latitude=42.1, longitude=-72.6, population=155_000)
    make(name="Springfield", country="GB", latitude=51.5, longitude=0.1, population=100)

    def populations(rest: str = "") -> list[int]:
        return [city["population"] for city in client.get(f"{URL}/search?q=springfield{rest}").json["data"]]

    assert populations() == [155_000, 114_000, 100]
    assert populations("&latitude=39.8&longitude=-89.6")[0] == 114_000
    assert populations("&latitude=51.5&longitude=0.1")[0] == 100
    assert populations("&country=GB") == [100]


@pytest.mark.usefixtures("four")
def test_lists_are_filtered_and_sorted(client: FlaskClient) -> None:
    assert names(client, "") == ["Apia", "Berlin", "München", "Suva"]
    assert names(client, "?sort=-name") == ["Suva", "München", "Berlin", "Apia"]
    assert names(client, "?sort=-population&limit=2") == ["Berlin", "München"]
    assert names(client, "?sort=createdAt") == ["Berlin", "München", "Suva", "Apia"]
    assert names(client, "?country=DE&maxPopulation=2000000") == ["München"]
    assert names(client, "?minPopulation=77366&maxPopulation=77366") == ["Suva"]
    assert names(client, "?timezone=Europe/Berlin") == ["München"]
    assert names(client, "?state=nowhere") == []


@pytest.mark.parametrize("sort", ["name", "-name", "population", "-population", "createdAt", "-createdAt"])
def test_pages_contain_every_city_once(client: FlaskClient, make: Callable[..., City], sort: str) -> None:
    for number in range(11):  # with equal names and unknown populations
        make(name=f"Place {number // 3}", population=number // 4 or None)
    seen, path = [], f"{URL}?limit=3&sort={sort}&total=true"
    while path:
        response = client.get(path)
        assert response.json["meta"]["total"] == 11
        seen += [city["id"] for city in response.json["data"]]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert len(seen) == len(set(seen)) == 11


@pytest.mark.usefixtures("four")
def test_countries_are_counted(client: FlaskClient) -> None:
    assert client.get(f"{URL}/countries").json["data"] == [
        {"country": "DE", "countryName": "Germany", "cities": 2},
        {"country": "FJ", "countryName": "Fiji", "cities": 1},
        {"country": "WS", "countryName": "Samoa", "cities": 1},
    ]


def test_distance_and_bearing_between_two_cities(client: FlaskClient, make: Callable[..., City]) -> None:
    berlin, munich = make(**BERLIN), make(**MUNICH)
    response = client.get(f"{URL}/distance?from={munich.id}&to={berlin.id}")
    assert response.json["data"] == {"distanceKm": 504.852, "bearing": 14.25}
    same = client.get(f"{URL}/distance?from={munich.id}&to={munich.id}")
    assert same.json["data"] == {"distanceKm": 0.0, "bearing": 0.0}
    assert client.get(f"{URL}/distance?from={munich.id}").status_code == 422
    missing = "018f0000-0000-7000-8000-000000000000"
    assert client.get(f"{URL}/distance?from={munich.id}&to={missing}").status_code == 404


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("path", ["?country=DE", "/nearby?latitude=52&longitude=13&radiusKm=600", "/search?q=Berlin"])
def test_lists_are_returned_as_geojson_on_request(client: FlaskClient, path: str) -> None:
    response = client.get(URL + path, headers=GEOJSON)
    assert response.mimetype == "application/geo+json"
    assert response.headers["Vary"] == "Accept"
    collection = response.json
    assert collection["type"] == "FeatureCollection"
    first = collection["features"][0]
    assert first["type"] == "Feature" and first["properties"]["name"] == "Berlin"
    assert first["geometry"] == {"type": "Point", "coordinates": [13.41053, 52.52437]}
    plain = client.get(URL + path)
    assert plain.mimetype == "application/json"
    assert plain.json["data"][0]["id"] == first["id"]
    assert plain.headers["ETag"] != response.headers["ETag"]


def test_json_is_returned_if_the_client_prefers_it(client: FlaskClient) -> None:
    accept = {"Accept": "application/geo+json;q=0.5, application/json"}
    assert client.get(URL, headers=accept).mimetype == "application/json"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/nearby?latitude=90.0001&longitude=0", "latitude"),
        ("/nearby?latitude=-90.0001&longitude=0", "latitude"),
        ("/nearby?latitude=0&longitude=180.0001", "longitude"),
        ("/nearby?latitude=0&longitude=-180.0001", "longitude"),
        ("/nearby?latitude=NaN&longitude=0", "latitude"),
        ("/nearby?latitude=0&longitude=nan", "longitude"),
        ("/nearby?latitude=Infinity&longitude=0", "latitude"),
        ("/nearby?latitude=0&longitude=-inf", "longitude"),
        ("/nearby?latitude=&longitude=0", "latitude"),
        ("/nearby?longitude=0", "latitude"),
        ("/nearby?latitude=0&longitude=0&radiusKm=0", "radiusKm"),
        ("/nearby?latitude=0&longitude=0&radiusKm=-1", "radiusKm"),
        ("/nearby?latitude=0&longitude=0&radiusKm=1e12", "radiusKm"),
        ("/nearby?latitude=0&longitude=0&radiusKm=NaN", "radiusKm"),
        ("/nearby?latitude=0&longitude=0&limit=0", "limit"),
        ("/nearby?latitude=0&longitude=0&limit=1000", "limit"),
        ("/nearby?latitude=0&longitude=0&country=XX", "country"),
        ("/nearby?latitude=0&longitude=0&minPopulation=-1", "minPopulation"),
        ("/nearby?latitude=0&longitude=0&minPopulation=99999999999", "minPopulation"),
        ("/nearby?latitude=0&longitude=0&radius=5", "radius"),
        ("/018f0000-0000-7000-8000-000000000000/nearby?limit=0", "limit"),
        ("/search?q=", "q"),
        ("/search?q=%20", "q"),
        ("/search?q=%25%25", "q"),
        ("/search", "q"),
        ("/search?q=a&limit=0", "limit"),
        ("/search?q=a&limit=1000", "limit"),
        ("/search?q=a&country=Nowhere", "country"),
        ("/search?q=a&latitude=1", "longitude"),
        ("/search?q=a&longitude=1", "latitude"),
        ("/search?q=a&latitude=91&longitude=1", "latitude"),
        ("/search?q=a%00b", "q"),
        ("?limit=0", "limit"),
        ("?limit=1000", "limit"),
        ("?country=XX", "country"),
        ("?sort=latitude", "sort"),
        ("?timezone=Mars/Olympus", "timezone"),
        ("?minPopulation=many", "minPopulation"),
        ("?minPopulation=2&maxPopulation=1", "maxPopulation"),
        ("?isActive=perhaps", "isActive"),
        ("?page=2", "page"),
        ("/distance?from=1&to=2", "from"),
    ],
)
def test_an_invalid_parameter_is_named(client: FlaskClient, path: str, field: str) -> None:
    response = client.get(URL + path)
    assert response.status_code == 422, response.text
    assert f"/query/{field}" in [error["pointer"] for error in response.json["errors"]]


def test_a_forged_cursor_is_rejected(client: FlaskClient) -> None:
    assert client.get(f"{URL}?cursor=abc").status_code == 400


@pytest.mark.usefixtures("four")
def test_points_of_a_map_are_columns_with_the_most_populous_first(
    client: FlaskClient, make: Callable[..., City]
) -> None:
    make(name="Unknown", latitude=1.23456, longitude=2.0)
    make(name="Closed", is_active=False)
    make(name="Part", kind="DISTRICT", population=9_000_000)
    points = client.get(f"{URL}/points").json["data"]
    assert points == {
        "latitudes": [52.5244, 48.1374, -18.1416, -13.8333, 1.2346],
        "longitudes": [13.4105, 11.5755, 178.4415, -171.7667, 2.0],
        "populations": [3426354, 1505005, 77366, 40407, 0],
    }


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("query", "count"), [("limit=2", 2), ("country=DE", 2), ("minPopulation=50000", 3), ("bbox=170,-30,-170,0", 2)]
)
def test_points_of_a_map_can_be_filtered(client: FlaskClient, query: str, count: int) -> None:
    assert len(client.get(f"{URL}/points?{query}").json["data"]["latitudes"]) == count


@pytest.mark.parametrize("limit", ["0", "50001", "many"])
def test_a_map_has_a_limit(client: FlaskClient, limit: str) -> None:
    assert client.get(f"{URL}/points?limit={limit}").status_code == 422


def test_a_map_is_revalidated(client: FlaskClient, make: Callable[..., City], editor: dict[str, str]) -> None:
    city = make(**BERLIN)
    tag = {"If-None-Match": client.get(f"{URL}/points").headers["ETag"]}
    assert client.get(f"{URL}/points", headers=tag).status_code == 304
    client.patch(f"{URL}/{city.id}", json={"latitude": 40}, headers=editor)
    assert client.get(f"{URL}/points", headers=tag).json["data"]["latitudes"] == [40.0]
