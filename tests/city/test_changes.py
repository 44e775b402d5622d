"""Creating, changing and deactivating cities over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.city.models import City
from tests.city.conftest import BERLIN

URL = "/api/v1/cities"
NEW = {"name": "Atlantis", "country": "GR", "latitude": 36.4, "longitude": 25.4}


def events() -> list[tuple[str, str, dict[str, Any]]]:
    return [(e.type, e.subject, e.data) for e in db.session.scalars(select(OutboxEvent).order_by(OutboxEvent.id))]


def test_a_city_is_created_and_read_back_the_same(client: FlaskClient, editor: dict[str, str]) -> None:
    response = client.post(URL, json=NEW | {"metadata": {"sunk": True}}, headers=editor)
    assert response.status_code == 201, response.text
    city = response.json["data"]
    assert city | NEW == city
    assert city["countryName"] == "Greece"
    assert city["isActive"] is True and city["metadata"] == {"sunk": True} and city["population"] is None
    read = client.get(f"{URL}/{city['id']}")
    assert read.json == response.json
    assert read.headers["ETag"] == response.headers["ETag"]
    assert events() == [("city.created", city["id"], {"id": city["id"], "country": "GR"})]


@pytest.mark.parametrize("number", [1e30, -1e300, 2.0**64, 1e-140, 9223372036854775807, -9223372036854775808])
def test_numbers_of_any_size_can_be_read_back(client: FlaskClient, editor: dict[str, str], number: float) -> None:
    created = client.post(URL, json=NEW | {"metadata": {"sizes": [number]}}, headers=editor)
    assert created.status_code == 201, created.text
    changed = client.patch(f"{URL}/{created.json['data']['id']}", json={"population": 311}, headers=editor)
    assert changed.status_code == 200, changed.text
    assert changed.json["data"]["metadata"] == {"sizes": [number]}


@pytest.mark.parametrize("role", [Role.USER])
def test_ordinary_users_may_not_change_cities(
    client: FlaskClient, as_user: Callable[..., Any], make: Callable[..., City], role: Role
) -> None:
    headers = as_user(role).headers
    city = make(**BERLIN)
    assert client.post(URL, json=NEW, headers=headers).status_code == 403
    assert client.patch(f"{URL}/{city.id}", json={"name": "X"}, headers=headers).status_code == 403
    assert client.delete(f"{URL}/{city.id}", headers=headers).status_code == 403
    assert client.post(URL, json=NEW).status_code == 401


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"latitude": 90.0001}, "/latitude"),
        ({"latitude": -90.0001}, "/latitude"),
        ({"longitude": 180.0001}, "/longitude"),
        ({"longitude": "NaN"}, "/longitude"),
        ({"latitude": "Infinity"}, "/latitude"),
        ({"latitude": True}, "/latitude"),
        ({"country": "XX"}, "/country"),
        ({"country": "Germany"}, "/country"),
        ({"name": "  "}, "/name"),
        ({"name": "a\x00b"}, "/name"),
        ({"name": None}, "/name"),
        ({"population": -1}, "/population"),
        ({"population": 2**31}, "/population"),
        ({"population": 1.5}, "/population"),
        ({"timezone": "Europe/Atlantis"}, "/timezone"),
        ({"metadata": []}, "/metadata"),
        ({"mayor": "Poseidon"}, "/mayor"),
        ({"source": "geonames:1"}, "/source"),
    ],
)
def test_an_invalid_field_is_rejected_by_name(
    client: FlaskClient, editor: dict[str, str], change: dict[str, Any], pointer: str
) -> None:
    response = client.post(URL, json=NEW | change, headers=editor)
    assert response.status_code == 422, response.text
    assert pointer in [error["pointer"].split("/0")[0] for error in response.json["errors"]]


def test_nan_is_rejected_as_malformed_json(client: FlaskClient, editor: dict[str, str]) -> None:
    body = '{"name": "X", "country": "GR", "latitude": NaN, "longitude": 1}'
    response = client.post(URL, data=body, headers=editor | {"Content-Type": "application/json"})
    assert response.status_code == 400


def test_a_longitude_of_180_is_stored_as_minus_180(client: FlaskClient, editor: dict[str, str]) -> None:
    city = client.post(URL, json=NEW | {"longitude": 180}, headers=editor).json["data"]
    assert city["longitude"] == -180
    again = client.patch(f"{URL}/{city['id']}", json={"longitude": 180}, headers=editor)
    assert again.json["data"] == city


def test_a_change_emits_an_event_with_the_changed_fields(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    before = client.get(f"{URL}/{city.id}").headers["ETag"]
    change = {"population": 3500000, "name": "Berlin", "metadata": {"wall": False}}
    response = client.patch(f"{URL}/{city.id}", json=change, headers=editor)
    assert response.json["data"]["population"] == 3500000
    assert response.headers["ETag"] != before
    data = {"id": str(city.id), "country": "DE", "changed": ["population", "metadata"]}
    assert events()[1:] == [("city.updated", str(city.id), data)]


def test_an_update_without_changes_has_no_effect(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    before = client.get(f"{URL}/{city.id}")
    response = client.patch(f"{URL}/{city.id}", json={"population": 3426354}, headers=editor)
    assert response.json == before.json
    assert response.headers["ETag"] == before.headers["ETag"]
    assert len(events()) == 1


def test_null_clears_an_optional_field(client: FlaskClient, editor: dict[str, str], make: Callable[..., City]) -> None:
    city = make(**BERLIN)
    assert (
        client.patch(f"{URL}/{city.id}", json={"population": None}, headers=editor).json["data"]["population"] is None
    )
    assert client.patch(f"{URL}/{city.id}", json={"country": None}, headers=editor).status_code == 422


def test_an_outdated_version_is_rejected(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    old = client.get(f"{URL}/{city.id}").headers["ETag"]
    first = client.patch(f"{URL}/{city.id}", json={"state": "16"}, headers=editor | {"If-Match": f"W/{old}"})
    assert first.status_code == 200
    for second in (
        client.patch(f"{URL}/{city.id}", json={"state": "17"}, headers=editor | {"If-Match": old}),
        client.delete(f"{URL}/{city.id}", headers=editor | {"If-Match": old}),
    ):
        assert second.status_code == 412
    assert client.get(f"{URL}/{city.id}").json["data"]["state"] == "16"


def test_a_deactivated_city_is_not_listed_but_can_be_read_by_its_id(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    paths = (
        f"{URL}?country=DE",
        f"{URL}/nearby?latitude=52.5&longitude=13.4",
        f"{URL}/search?q=Berlin",
        f"{URL}/countries",
    )
    assert all(client.get(path).json["data"] for path in paths)
    assert client.delete(f"{URL}/{city.id}", headers=editor).status_code == 204
    assert [client.get(path).json["data"] for path in paths] == [[], [], [], []]
    assert client.get(f"{URL}/{city.id}").json["data"]["isActive"] is False
    assert [c["id"] for c in client.get(f"{URL}?isActive=false").json["data"]] == [str(city.id)]
    assert [kind for kind, *_ in events()] == ["city.created", "city.deleted"]


def test_a_second_deactivation_emits_no_event(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    assert [client.delete(f"{URL}/{city.id}", headers=editor).status_code for _ in range(2)] == [204, 204]
    assert len(events()) == 2


def test_a_reactivated_city_is_found_by_all_its_names(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN, other_names=["Berolina"])
    client.delete(f"{URL}/{city.id}", headers=editor)
    assert client.patch(f"{URL}/{city.id}", json={"isActive": True}, headers=editor).status_code == 200
    assert [c["id"] for c in client.get(f"{URL}/search?q=berolina").json["data"]] == [str(city.id)]
    assert events()[-1][0] == "city.updated"


def test_other_names_can_be_set_and_read(
    client: FlaskClient, editor: dict[str, str], make: Callable[..., City]
) -> None:
    city = make(**BERLIN)
    client.patch(f"{URL}/{city.id}", json={"otherNames": ["Spree-Athen"]}, headers=editor)
    assert client.get(f"{URL}/{city.id}/names").json["data"] == {"otherNames": ["Spree-Athen"]}
    assert len(client.get(f"{URL}/search?q=spree athen").json["data"]) == 1


def test_a_missing_city_is_404(client: FlaskClient, editor: dict[str, str]) -> None:
    missing = f"{URL}/018f0000-0000-7000-8000-000000000000"
    assert client.get(missing).status_code == 404
    assert client.get(f"{missing}/nearby").status_code == 404
    assert client.get(f"{missing}/names").status_code == 404
    assert client.patch(missing, json={"name": "X"}, headers=editor).status_code == 404
    assert client.delete(missing, headers=editor).status_code == 404
    assert client.get(f"{URL}/not-an-id").status_code == 404


def test_a_repeated_request_creates_a_single_city(client: FlaskClient, editor: dict[str, str]) -> None:
    headers = editor | {"Idempotency-Key": "one"}
    first, second = (client.post(URL, json=NEW, headers=headers) for _ in range(2))
    assert first.json == second.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(events()) == 1
