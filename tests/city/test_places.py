"""Regions, kinds and sorting of cities that the API or a file adds, and repeated imports without IDs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_services.city.models import City
from heidi_services.city.service import importer, place_index
from tests.city.test_import import GEONAMES, run

Make = Callable[..., City]


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["Zwickau", "Ärzen", "Aachen", "aurich"], ["Aachen", "Ärzen", "aurich", "Zwickau"]),
        (["Oz", "Östersund", "Oslo"], ["Oslo", "Östersund", "Oz"]),
        (["Łódź", "Lublin", "Malmö"], ["Łódź", "Lublin", "Malmö"]),
        (["Évry", "Eze", "Étretat", "Fos"], ["Étretat", "Évry", "Eze", "Fos"]),
        (["Čakovec", "Cadiz", "Caen"], ["Cadiz", "Caen", "Čakovec"]),
    ],
)
def test_lists_are_sorted_for_people(client: FlaskClient, make: Make, names: list[str], ordered: list[str]) -> None:
    for name in names:
        make(name=name)
    listed: list[str] = []
    url: str | None = "/api/v1/cities?limit=2"
    while url:  # page by page: the cursor follows the same order
        page = client.get(url).json
        listed += [city["name"] for city in page["data"]]
        cursor = page["meta"]["nextCursor"]
        url = cursor and f"/api/v1/cities?limit=2&cursor={cursor}"
    assert listed == ordered
    backwards = client.get("/api/v1/cities?sort=-name").json["data"]
    assert [city["name"] for city in backwards] == ordered[::-1]


@pytest.mark.parametrize(
    ("country", "state", "name"),
    [
        ("DE", "02", "Bavaria"),
        ("US", "TX", "Texas"),
        ("JP", "12", "Hokkaido"),
        ("DE", "Schwaben", "Schwaben"),
        ("DE", None, None),
    ],
)
def test_a_new_city_names_its_region(
    client: FlaskClient, editor: dict[str, str], country: str, state: str | None, name: str | None
) -> None:
    body = {"name": "X", "country": country, "state": state, "latitude": 1, "longitude": 1}
    city = client.post("/api/v1/cities", json=body, headers=editor).json["data"]
    assert (city["state"], city["stateName"]) == (state, name)
    read = client.get(f"/api/v1/cities/{city['id']}").json["data"]
    assert (read["state"], read["stateName"]) == (state, name)


@pytest.mark.parametrize("state", ["02", "Bavaria", "bavaria", "BAVARIA"])
def test_a_region_is_known_before_the_first_import(client: FlaskClient, make: Make, state: str) -> None:
    make(name="Dachau", state="02")
    make(name="Kempten", state="bavaria")
    make(name="Ulm", state="01")
    names = {city["name"] for city in client.get(f"/api/v1/cities?state={state}").json["data"]}
    assert "Ulm" not in names and names & {"Dachau", "Kempten"}


@pytest.mark.parametrize("kind", ["CITY", "DISTRICT", None])
def test_the_kind_of_a_city_can_be_changed(
    client: FlaskClient, editor: dict[str, str], make: Make, kind: str | None
) -> None:
    city = make(name="Altstadt")
    changed = client.patch(f"/api/v1/cities/{city.id}", json={"kind": kind}, headers=editor).json["data"]
    assert changed["kind"] == kind
    found = client.get("/api/v1/cities/search?q=altstadt").json["data"]
    assert len(found) == (0 if kind == "DISTRICT" else 1)
    assert len(client.get("/api/v1/cities").json["data"]) == 1  # lists contain districts
    assert len(client.get("/api/v1/cities?kind=CITY").json["data"]) == len(found)


@pytest.mark.parametrize("kind", ["VILLAGE", "district", 5])
def test_an_unknown_kind_is_rejected(client: FlaskClient, editor: dict[str, str], make: Make, kind: Any) -> None:
    city = make(name="Altstadt")
    assert client.patch(f"/api/v1/cities/{city.id}", json={"kind": kind}, headers=editor).status_code == 422


@pytest.mark.parametrize(
    ("feature", "kind"), [("PPL", "CITY"), ("PPLX", "DISTRICT"), ("PPLA2", "CITY"), ("PPLC", "CITY")]
)
def test_a_geonames_file_says_what_a_place_is(app: Flask, tmp_path: Path, feature: str, kind: str) -> None:
    path = tmp_path / "DE.txt"
    path.write_text(GEONAMES.replace("\tPPL\t", f"\t{feature}\t") + "\n")
    run(app, "import", "--file", str(path))
    assert db.session.query(City).one().kind == kind


def test_an_import_marks_districts_that_earlier_imports_added(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "DE.txt"
    path.write_text(GEONAMES.replace("\tPPL\t", "\tPPLX\t") + "\n")
    run(app, "import", "--file", str(path))
    db.session.execute(text("UPDATE cities SET kind = NULL, name = 'Renamed'"))
    db.session.commit()
    assert "0 added, 1 changed" in run(app, "import", "--file", str(path)).output
    db.session.rollback()
    city = db.session.query(City).one()
    assert (city.kind, city.name) == ("DISTRICT", "Renamed")
    assert "0 added, 0 changed, 1 unchanged" in run(app, "import", "--file", str(path)).output


HEADER = "name,country,latitude,longitude,population\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Köthen,DE,51.75185,11.97093,26157", "Köthen,DE,51.75185,11.97093,26157"),
        ("Köthen,DE,51.75185,11.97093,26157", "Köthen,DE,51.7519,11.971,26157"),
        ("Köthen,DE,51.75185,11.97093,26157", "KÖTHEN,DE,51.76,11.98,27000"),
        ("Suva,FJ,-18.14161,178.44149,77366", "Suva,FJ,-18.1416,178.4415,77366"),
        ("Taveuni,FJ,-16.8,179.99999,1", "Taveuni,FJ,-16.8,-179.99999,1"),
    ],
)
def test_a_repeated_file_without_ids_adds_no_second_city(app: Flask, tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "cities.csv"
    ids = []
    for line in (before, after, before):
        path.write_text(f"{HEADER}{line}\n")
        run(app, "import", "--file", str(path))
        db.session.rollback()
        ids.append([city.id for city in db.session.query(City)])
    assert len(ids[0]) == 1 and ids[0] == ids[1] == ids[2]


def test_cities_of_one_name_that_are_far_apart_are_two(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text(f"{HEADER}Neustadt,DE,49.35,8.13,1\nNeustadt,DE,50.73,11.74,1\n")
    run(app, "import", "--file", str(path))
    path.write_text(f"{HEADER}Neustadt,DE,49.36,8.13,1\nNeustadt,DE,54.10,10.81,1\n")
    assert "1 added, 1 changed" in run(app, "import", "--file", str(path)).output


def test_the_names_of_places_are_filled_once(app: Flask) -> None:
    importer.import_cities([])
    db.session.rollback()
    assert place_index.refresh() is False
    count = db.session.scalar(text("SELECT count(*) FROM place_names"))
    assert count > 100_000
    doubles = (
        "SELECT count(*) FROM (SELECT FROM place_names GROUP BY name, country, region, language HAVING count(*) > 1) d"
    )
    assert db.session.scalar(text(doubles)) == 0
