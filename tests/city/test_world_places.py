"""Cities with their region and country, kinds, languages, boxes and points, on the 34 thousand real cities."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

SEARCH = "/api/v1/cities/search"


def search(world: FlaskClient, q: str, **query: Any) -> list[dict[str, Any]]:
    response = world.get(SEARCH, query_string={"q": q} | query)
    assert response.status_code == 200, response.json
    cities: list[dict[str, Any]] = response.json["data"]
    return cities


@pytest.mark.parametrize(
    ("q", "name", "country", "state"),
    [
        ("Miami, Florida", "Miami", "US", "FL"),
        ("Portland ME", "Portland", "US", "ME"),
        ("東京, 日本", "Tokyo", "JP", "40"),
        ("Munich, Bavaria, Germany", "Munich", "DE", "02"),
        ("Dublin, Ohio", "Dublin", "US", "OH"),
        ("Hamilton, Bermuda", "Hamilton", "BM", "03"),
        ("Hamilton, Ont.", "Hamilton", "CA", "08"),
        ("Córdoba, Andalousie", "Córdoba", "ES", "51"),
        ("Valencia, Carabobo, Venezuela", "Valencia", "VE", "07"),
        ("Wien, Österreich", "Vienna", "AT", "09"),
        ("Лион, Франция", "Lyon", "FR", "84"),
        ("طرابلس، لبنان", "Tripoli", "LB", "09"),
        ("里昂, 法国", "Lyon", "FR", "84"),
        ("釜山, 南韓", "Busan", "KR", "10"),
        ("Perth WA", "Perth", "AU", "08"),
        ("80331 München", "Munich", "DE", "02"),
        ("Springfield, MO 65801, USA", "Springfield", "US", "MO"),
        ("Springfield, Hampden County, Massachusetts", "Springfield", "US", "MA"),
        ("Rome (Georgia)", "Rome", "US", "GA"),
        ("日本 札幌", "Sapporo", "JP", "12"),
        ("Newcastle, DE-XX", "Newcastle", "AU", "02"),
        ("Portland, Oregn", "Portland", "US", "OR"),
        ("Köln, NRW", "Köln", "DE", "07"),
        ("Toronto, CA-ON", "Toronto", "CA", "08"),
        ("St. Charles MO", "Saint Charles", "US", "MO"),
        ("Ft. Worth, TX", "Fort Worth", "US", "TX"),
        ("E Orange, NJ", "East Orange", "US", "NJ"),
        ("N Charleston", "North Charleston", "US", "SC"),
        ("Sto. Domingo", "Santo Domingo", "DO", "34"),
        ("とうきょう", "Tokyo", "JP", "40"),
        ("القاهـرة", "Cairo", "EG", "11"),
        ("倫敦", "London", "GB", "ENG"),
    ],
)
def test_the_named_city_comes_first(world: FlaskClient, q: str, name: str, country: str, state: str) -> None:
    city = search(world, q)[0]
    assert (city["name"], city["country"], city["state"]) == (name, country, state)


@pytest.mark.parametrize(
    ("q", "country", "state"),
    [
        ("Paris, Texas", "US", "TX"),
        ("Victoria, Canada", "CA", None),
        ("San, Mali", "ML", None),
        ("Ashland, Ohio", "US", "OH"),
        ("Spring TX", "US", "TX"),
    ],
)
def test_what_follows_the_name_narrows_the_result(world: FlaskClient, q: str, country: str, state: str | None) -> None:
    cities = search(world, q)
    assert cities
    assert {city["country"] for city in cities} == {country}
    assert state is None or {city["state"] for city in cities} == {state}


@pytest.mark.parametrize("q", ["Paris, Atlantis", "Paris, 3rd floor", "Paris, ???", "Paris, Germany"])
def test_words_after_a_comma_never_replace_the_name(world: FlaskClient, q: str) -> None:
    assert search(world, q)[0]["countryName"] == "France"


@pytest.mark.parametrize("q", ["Texas, Texas, Texas", "a, b, c, d, e, f, g, h", ",,,a", "x " * 90, "() ()1"])
def test_odd_texts_are_handled_without_an_error(world: FlaskClient, q: str) -> None:
    assert world.get(SEARCH, query_string={"q": q}).status_code in (200, 422)


@pytest.mark.parametrize(
    ("q", "state", "name"),
    [
        ("Boston", "MA", "Massachusetts"),
        ("Munich", "02", "Bavaria"),
        ("Osaka", "32", "Ōsaka"),
        ("Glasgow", "SCT", "Scotland"),
    ],
)
def test_a_city_names_its_region(world: FlaskClient, q: str, state: str, name: str) -> None:
    city = search(world, q)[0]
    assert city["state"] == state
    assert city["stateName"].replace("Ō", "O") == name.replace("Ō", "O")


@pytest.mark.parametrize(
    ("state", "country", "expected"),
    [("Bavaria", "DE", "02"), ("bayern", "DE", "02"), ("BY", "DE", "02"), ("02", "DE", "02"), ("Québec", "CA", "10"),
     ("Toscana", "IT", "16"), ("Калифорния", "US", "CA"), ("nova scotia", "CA", "07")],
)  # fmt: skip
def test_a_list_is_filtered_by_the_code_or_name_of_a_region(
    world: FlaskClient, state: str, country: str, expected: str
) -> None:
    page = world.get("/api/v1/cities", query_string={"state": state, "country": country}).json["data"]
    assert page and {(city["country"], city["state"]) for city in page} == {(country, expected)}


@pytest.mark.parametrize("district", ["Times Square", "Mitte", "Wandsbek", "Karol Bagh", "Friedrichshain"])
def test_districts_are_found_only_on_request(world: FlaskClient, district: str) -> None:
    assert all(city["kind"] != "DISTRICT" for city in search(world, district))
    for kind in ("DISTRICT", "ANY"):
        assert any(city["kind"] == "DISTRICT" for city in search(world, district, kind=kind))


@pytest.mark.parametrize("point", [(52.52, 13.40), (40.757, -73.986), (53.58, 10.08)])
def test_districts_are_not_nearest_unless_requested(world: FlaskClient, point: tuple[float, float]) -> None:
    query = {"latitude": point[0], "longitude": point[1], "limit": 100}

    def kinds(**more: Any) -> set[str | None]:
        cities = world.get("/api/v1/cities/nearby", query_string=query | more).json["data"]
        return {city["kind"] for city in cities}

    assert "DISTRICT" not in kinds()
    assert kinds(kind="DISTRICT") == {"DISTRICT"}
    assert "DISTRICT" in kinds(kind="ANY")


@pytest.mark.parametrize("q", ["Brooklyn", "Manhattan", "Navi Mumbai", "Westminster"])
def test_only_places_known_to_be_districts_are_left_out(world: FlaskClient, q: str) -> None:
    assert search(world, q)[0]["name"].startswith(q)


@pytest.mark.parametrize(
    ("q", "lang", "name", "region", "country"),
    [
        ("Munich", "ja", "ミュンヘン", "バイエルン", "ドイツ"),
        ("Munich", "fr", "Munich", "Bavière", "Allemagne"),
        ("Vienna", "de", "Wien", None, "Österreich"),
        ("Moscow", "ru", "Москва", "Москва", "Россия"),
        ("Athens", "el", "Αθήνα", None, "Ελλάδα"),
        ("Seoul", "ko", "서울", None, "대한민국"),
        ("Vienna", "de-AT", "Wien", None, "Österreich"),
        ("Rome", "pt-BR", "Roma", None, "Itália"),
        ("Rome", "tlh", "Rome", None, "Italy"),
    ],
)
def test_names_are_in_the_language_of_the_request(
    world: FlaskClient, q: str, lang: str, name: str, region: str | None, country: str
) -> None:
    city = search(world, q, lang=lang)[0]
    assert (city["name"], city["countryName"]) == (name, country)
    assert region in (None, city["stateName"])
    same = world.get(f"/api/v1/cities/{city['id']}?lang={lang}").json["data"]
    assert (same["name"], same["countryName"]) == (name, country)


def test_countries_are_listed_in_the_language_of_the_request(world: FlaskClient) -> None:
    names = {c["country"]: c["countryName"] for c in world.get("/api/v1/cities/countries?lang=es").json["data"]}
    assert (names["DE"], names["US"], names["JP"]) == ("Alemania", "Estados Unidos", "Japón")


@pytest.mark.parametrize("lang", ["", "x", "deutsch!", "de_DE", "a" * 36])
def test_an_invalid_language_is_rejected(world: FlaskClient, lang: str) -> None:
    response = world.get("/api/v1/cities/countries", query_string={"lang": lang})
    assert response.status_code == 422 and "lang" in response.json["detail"]


@pytest.mark.parametrize(
    ("box", "inside", "outside"),
    [
        ("5.9,45.8,10.5,47.8", "Bern", "Munich"),
        ("-10,35,5,44", "Madrid", "Rome"),
        ("177,-20,-175,-12", "Suva", "Apia"),
        ("-180,-90,180,90", "Bern", "xyzxyz"),
        ("100,-5,110,5", "Singapore", "Jakarta"),
    ],
)
def test_a_box_contains_its_cities(world: FlaskClient, box: str, inside: str, outside: str) -> None:
    query = {"bbox": box, "sort": "-population", "limit": 100}
    cities = world.get("/api/v1/cities", query_string=query).json["data"]
    west, south, east, north = map(float, box.split(","))
    for city in cities:
        assert south <= city["latitude"] <= north
        longitude = city["longitude"]
        assert west <= longitude <= east if west <= east else longitude >= west or longitude <= east
    assert search(world, inside, bbox=box)[0]["name"] == inside
    assert outside not in {city["name"] for city in search(world, outside, bbox=box)}


@pytest.mark.parametrize(
    "box", ["", "1,2,3", "1,2,3,x", "0,10,1,5", "0,-91,1,0", "-181,0,1,1", "nan,0,1,1", "1,2,3,4,5"]
)
def test_an_invalid_box_is_rejected(world: FlaskClient, box: str) -> None:
    response = world.get("/api/v1/cities", query_string={"bbox": box})
    assert response.status_code == 422 and "bbox" in response.json["detail"]


@pytest.mark.parametrize("query", ["country=DE,AT", "country=at,de", "country=DE, AT,DE"])
@pytest.mark.parametrize(
    "path", ["", "/nearby?latitude=47.8&longitude=12.9&radiusKm=300&limit=100", "/search?q=s&limit=100"]
)
def test_several_countries_in_one_filter(world: FlaskClient, path: str, query: str) -> None:
    url = f"/api/v1/cities{path}{'&' if '?' in path else '?sort=-population&limit=100&'}{query}"
    assert {city["country"] for city in world.get(url).json["data"]} == {"DE", "AT"}


@pytest.mark.parametrize("country", ["DE,XX", "DE,", "DE;AT", ","])
def test_an_unknown_country_in_the_filter_is_rejected(world: FlaskClient, country: str) -> None:
    assert world.get("/api/v1/cities", query_string={"country": country}).status_code == 422


@pytest.mark.parametrize("number", [1, 3, 1000])
def test_many_points_give_the_same_as_each_alone(world: FlaskClient, number: int) -> None:
    points = [{"latitude": (7 * n) % 170 - 85, "longitude": (13 * n) % 360 - 180} for n in range(number)]
    body = {"points": points, "radiusKm": 500, "limit": 2, "lang": "fr"}
    results = world.post("/api/v1/cities/nearby", json=body).json["data"]
    assert [(r["latitude"], r["longitude"]) for r in results] == [(p["latitude"], p["longitude"]) for p in points]
    for result in results[:: max(1, number // 5)]:
        query = {
            "latitude": result["latitude"],
            "longitude": result["longitude"],
            "radiusKm": 500,
            "limit": 2,
            "lang": "fr",
        }
        alone = world.get("/api/v1/cities/nearby", query_string=query).json
        assert result["cities"] == alone["data"] and result["hasMore"] == alone["meta"]["hasMore"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"points": []}, "points"),
        ({"points": [{"latitude": 0, "longitude": 0}] * 1001}, "points"),
        ({"points": [{"latitude": 91, "longitude": 0}]}, "points/0/latitude"),
        ({"points": [{"latitude": "1", "longitude": 0}]}, "points/0/latitude"),
        ({"limit": 11}, "limit"),
        ({"country": 5}, "country"),
    ],
)
def test_invalid_points_are_rejected(world: FlaskClient, change: dict[str, Any], pointer: str) -> None:
    response = world.post("/api/v1/cities/nearby", json={"points": [{"latitude": 0, "longitude": 0}]} | change)
    assert response.status_code == 422 and pointer in response.json["detail"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "country", "zone"),
    [
        (48.137, 11.575, "DE", "Europe/Berlin"),
        (47.56, 7.59, "CH", "Europe/Zurich"),
        (21.03, 105.85, "VN", "Asia/Bangkok"),
        (42.66, 21.16, "XK", "Europe/Belgrade"),
        (-33.45, -70.66, "CL", "America/Santiago"),
        (43.73, 7.42, "MC", "Europe/Monaco"),
        (27.47, 89.64, "BT", "Asia/Thimphu"),
        (0, -30, None, "Etc/GMT+2"),
        (-17.8, 177.9, "FJ", "Pacific/Fiji"),
    ],
)
def test_the_country_and_time_zone_of_a_point(
    world: FlaskClient, latitude: float, longitude: float, country: str | None, zone: str
) -> None:
    response = world.get(f"/api/v1/cities/locate?latitude={latitude}&longitude={longitude}")
    assert (response.json["data"]["country"], response.json["data"]["timezone"]) == (country, zone)
    assert response.headers["ETag"] and "s-maxage=1" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "query", ["latitude=91&longitude=0", "latitude=0", "latitude=x&longitude=0", "latitude=nan&longitude=0"]
)
def test_a_point_that_does_not_exist_is_not_located(world: FlaskClient, query: str) -> None:
    assert world.get(f"/api/v1/cities/locate?{query}").status_code == 422
