from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth.service import sessions
from tests.auth.helpers import PASSWORD, bearer, login, mails, refresh, register, register_verified


def test_a_user_registers_signs_in_and_reads_their_account(client: FlaskClient) -> None:
    register(client, "Ada@Example.TEST", firstName="Ada")
    response = login(client)
    assert response.status_code == 200, response.json
    data = response.json["data"]
    assert data["tokenType"] == "Bearer" and data["expiresIn"] == 900
    me = client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]
    assert me == data["user"] | {"mfaEnabled": False, "recoveryCodesRemaining": 0}
    assert set(data["user"]) == {
        "id", "email", "role", "firstName", "lastName", "isActive", "emailVerified", "createdAt", "updatedAt",
    }  # fmt: skip
    assert (me["email"], me["role"], me["emailVerified"]) == ("ada@example.test", "USER", False)


def test_mails_are_in_the_language_of_the_registration(client: FlaskClient) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD}
    headers = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    client.post("/api/v1/auth/register", json=body, headers=headers)
    register(client, "bo@example.test")
    events = db.session.scalars(
        select(OutboxEvent).where(OutboxEvent.type == "notification.send").order_by(OutboxEvent.id)
    )
    assert [event.data.get("locale") for event in events] == ["de", None]


def test_the_second_registration_of_an_email_is_409(client: FlaskClient) -> None:
    register(client)
    body = {"email": "ADA@example.test", "password": PASSWORD}
    response = client.post("/api/v1/auth/register", json=body)
    assert (response.status_code, response.json["code"]) == (409, "email_taken")
    assert response.json["errors"][0]["pointer"] == "/email"


def test_logout_ends_access_and_refresh_immediately(client: FlaskClient) -> None:
    data = register(client)
    assert client.post("/api/v1/auth/logout", headers=bearer(data)).status_code == 204
    response = client.get("/api/v1/auth/me", headers=bearer(data))
    assert response.status_code == 401 and "invalid_token" in response.headers["WWW-Authenticate"]
    assert refresh(client, data["refreshToken"]).status_code == 401


def test_logout_all_ends_every_session(client: FlaskClient) -> None:
    first, second = register(client), login(client).json["data"]
    assert client.post("/api/v1/auth/logout-all", headers=bearer(first)).status_code == 204
    for data in (first, second):
        assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
        assert refresh(client, data["refreshToken"]).status_code == 401
    assert login(client).status_code == 200


def test_validate_returns_the_user_and_the_claims(client: FlaskClient) -> None:
    data = register(client)
    response = client.post("/api/v1/auth/validate", headers=bearer(data)).json["data"]
    assert response["valid"] is True and response["user"] == data["user"]
    assert response["claims"]["sub"] == data["user"]["id"] and response["claims"]["type"] == "access"
    assert client.post("/api/v1/auth/validate").status_code == 401


def test_devices_are_listed_and_signed_out_one_by_one(client: FlaskClient) -> None:
    here = register_verified(client)
    there = client.post(
        "/api/v1/auth/login",
        json={"email": "ada@example.test", "password": PASSWORD, "deviceLabel": "Kitchen"},
        headers={"User-Agent": "Radio/1"},
    ).json["data"]
    listed = client.get("/api/v1/auth/sessions", headers=bearer(here)).json["data"]
    assert [(s["label"], s["current"], s["ip"]) for s in listed] == [
        ("Kitchen", False, "127.0.0.1"),
        (None, True, "127.0.0.1"),
    ]
    assert mails("new-device")[0]["variables"]["device"] == "Kitchen"

    path = f"/api/v1/auth/sessions/{listed[0]['id']}"
    assert client.delete(path, headers=bearer(register(client, "eve@example.test"))).status_code == 404
    assert client.delete(path, headers=bearer(here)).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(there)).status_code == 401
    assert client.get("/api/v1/auth/me", headers=bearer(here)).status_code == 200


def test_a_list_of_sessions_that_is_cut_says_so(client: FlaskClient, as_user, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_LISTED", 2)
    credentials = {"email": "ada@example.test", "password": PASSWORD}
    headers = bearer(register(client))
    for count, has_more in ((1, False), (2, False), (2, True)):
        response = client.get("/api/v1/auth/sessions", headers=headers).json
        assert (len(response["data"]), response["meta"]["hasMore"]) == (count, has_more)
        assert response["meta"]["limit"] == 2
        assert client.post("/api/v1/auth/login", json=credentials).status_code == 200


def test_the_same_device_again_sends_no_mail(client: FlaskClient) -> None:
    register(client)
    login(client)
    assert mails("new-device") == []
