"""Imports of cities by HTTP: the results of lines, changes, duplicates, continuation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_common.import_jobs import processing, requests
from heidi_common.import_jobs.models import ImportKind
from heidi_services.city.service.http_import import CityImporter
from tests.conftest import SignedIn
from workers.city import import_cities

IMPORTS = "/api/v1/cities/imports"
HEADER = "id,name,country,latitude,longitude,population\n"
Headers = dict[str, str]


@pytest.fixture
def moderator(as_user: Callable[..., SignedIn]) -> Headers:
    return as_user(Role.MODERATOR).headers


def load(client: FlaskClient, headers: Headers, rows: str, turns: int = 1) -> list[tuple[int, str, str | None]]:
    """Import rows; return line, outcome and detail of each."""
    response = client.post(IMPORTS, data=HEADER + rows, headers=headers | {"Content-Type": "text/csv"})
    assert response.status_code == 202, response.json
    for _ in range(turns):
        for import_id in requests.overdue(ImportKind.CITIES, 10):
            import_cities(str(import_id))
    location = response.headers["Location"]
    assert client.get(location, headers=headers).json["data"]["status"] == "SUCCEEDED"
    lines: list[dict[str, Any]] = client.get(f"{location}/lines", headers=headers).json["data"]
    return [(line["line"], line["outcome"], line["detail"]) for line in lines]


def test_cities_are_created_changed_left_and_refused(client: FlaskClient, moderator: Headers) -> None:
    rows = "1,Uster,CH,47.3,8.7,35000\n2,Zug,CH,47.1,8.5,30000\n"
    assert load(client, moderator, rows) == [(2, "CREATED", None), (3, "CREATED", None)]
    rows = "1,Uster,CH,47.3,8.7,36000\n2,Zug,CH,47.1,8.5,30000\n3,Bad,XX,1,1,1\n4,Bad,CH,99,1,1\n5,,CH,1,1,1\n"
    results = load(client, moderator, rows)
    assert [outcome for _, outcome, _ in results] == ["CHANGED", "UNCHANGED", "REFUSED", "REFUSED", "REFUSED"]
    for (_, _, detail), field in zip(results[2:], ("country", "latitude", "name"), strict=True):
        assert detail is not None and field in detail
    [uster] = client.get("/api/v1/cities/search?q=Uster").json["data"]
    assert uster["population"] == 36000


def test_a_duplicate_is_refused_in_a_later_batch_and_after_a_continuation(
    client: FlaskClient, moderator: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CityImporter, "batch_rows", 1)
    monkeypatch.setattr(processing, "SLICE_SECONDS", 0.0)
    rows = "1,Uster,CH,47.3,8.7,1\n2,Zug,CH,47.1,8.5,2\n1,Uster,CH,47.3,8.7,3\n"
    results = load(client, moderator, rows, turns=3)
    assert [outcome for _, outcome, _ in results] == ["CREATED", "CREATED", "REFUSED"]
    assert "line 2" in (results[2][2] or "")


def test_rows_of_one_line_are_told_apart(client: FlaskClient, moderator: Headers) -> None:
    body = [{"name": "Uster", "country": "CH", "latitude": 47.3, "longitude": 8.7}] * 2
    response = client.post(IMPORTS, json=body, headers=moderator)
    for import_id in requests.overdue(ImportKind.CITIES, 10):
        import_cities(str(import_id))
    lines = client.get(f"{response.headers['Location']}/lines", headers=moderator).json["data"]
    assert [line["outcome"] for line in lines] == ["CREATED", "REFUSED"]


def test_moderators_import_places_and_users_do_not(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    response = client.post(IMPORTS, data=HEADER, headers=as_user(Role.USER).headers | {"Content-Type": "text/csv"})
    assert response.status_code == 403
