from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Session
from heidi_common.jwt.tokens import verify
from heidi_services.auth.service import refresh as refresh_service
from heidi_services.auth.service.session_start import SessionDevice, start_session
from tests.auth.helpers import bearer, mails, refresh, register


def counter(app: Flask, session_id: str) -> int:
    """Read in its own context, because that of the test has the time limit of its first request."""
    with app.app_context():
        return db.session.scalar(select(Session.counter).where(Session.id == UUID(session_id)))


def test_a_refresh_token_gives_a_new_pair_that_works(client: FlaskClient) -> None:
    first = register(client)
    second = refresh(client, first["refreshToken"]).json["data"]
    assert second["refreshToken"] != first["refreshToken"]
    assert client.get("/api/v1/auth/me", headers=bearer(second)).status_code == 200
    assert refresh(client, second["refreshToken"]).status_code == 200


@pytest.mark.parametrize("sessions", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_eight_concurrent_uses_rotate_once_and_return_the_same_token(
    app: Flask, as_user, monkeypatch: pytest.MonkeyPatch, sessions: int
) -> None:
    monkeypatch.setattr(refresh_service, "REUSE_WINDOW", timedelta(minutes=10))  # a slow machine must not matter
    user = as_user().user
    with transaction():
        tokens = [start_session(user, SessionDevice("127.0.0.1"))["refresh_token"] for _ in range(sessions)]
    with ThreadPoolExecutor(8) as pool:
        for token in tokens:
            responses = list(pool.map(lambda token: refresh(app.test_client(), token), [token] * 8))
            assert [response.status_code for response in responses] == [200] * 8
            claims = [verify(response.json["data"]["refreshToken"], "refresh") for response in responses]
            assert {claim_set["cnt"] for claim_set in claims} == {2} and counter(app, claims[0]["sid"]) == 2
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Audit.action == "authn_token_reuse")) == 0


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(utcnow(), tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize("seconds", [0, 9.9, 10])
def test_a_parent_leads_to_the_same_child_for_ten_seconds(client: FlaskClient, clock, seconds: float) -> None:
    data = register(client)
    child = refresh(client, data["refreshToken"]).json["data"]
    clock.shift(timedelta(seconds=seconds))
    assert number(refresh(client, data["refreshToken"]).json["data"]) == number(child) == 2


@pytest.mark.parametrize("delays", [[10.1], [12, 12], [60, 3, 3600], [86_400] * 4], ids=str)
def test_a_client_whose_responses_are_lost_is_not_signed_out(client: FlaskClient, clock, delays: list[float]) -> None:
    parent = register(client)
    refresh(client, parent["refreshToken"])
    for delay in delays:
        clock.shift(timedelta(seconds=delay))
        elsewhere = {"REMOTE_ADDR": f"192.0.2.{len(delays)}"}
        body = {"refreshToken": parent["refreshToken"]}
        response = client.post("/api/v1/auth/refresh", json=body, environ_base=elsewhere)
        assert response.status_code == 200
    child = response.json["data"]
    assert refresh(client, child["refreshToken"]).status_code == 200
    assert client.get("/api/v1/auth/me", headers=bearer(child)).status_code == 200
    assert mails("token-theft") == []


def siblings(client: FlaskClient, clock, count: int) -> tuple[dict, list[dict]]:
    """A parent, and its children."""
    parent, children = register(client), []
    for _ in range(count):
        children.append(refresh(client, parent["refreshToken"]).json["data"])
        clock.shift(timedelta(seconds=11))
    assert [number(child) for child in children] == list(range(2, count + 2))
    return parent, children


@pytest.mark.parametrize("used", [0, 1, 2])
@pytest.mark.parametrize("other", ["parent", 0, 1, 2])
def test_the_first_used_sibling_ends_the_others_and_their_parent(client: FlaskClient, clock, used: int, other) -> None:
    parent, children = siblings(client, clock, 3)
    grandchild = refresh(client, children[used]["refreshToken"]).json["data"]
    assert number(grandchild) == 5
    clock.shift(timedelta(seconds=11))
    again = refresh(client, (parent if other == "parent" else children[other])["refreshToken"])
    if other == used:  # its own response may have been lost, too
        assert number(again.json["data"]) == 6 and refresh(client, grandchild["refreshToken"]).status_code == 200
    else:
        assert again.status_code == 401
        assert_ended(client, grandchild)


def test_two_users_of_one_token_are_detected_whoever_is_first(client: FlaskClient, clock) -> None:
    stolen = register(client)["refreshToken"]
    thief = refresh(client, stolen).json["data"]
    clock.shift(timedelta(seconds=30))
    owner = refresh(client, stolen).json["data"]
    thief = refresh(client, thief["refreshToken"]).json["data"]
    assert refresh(client, owner["refreshToken"]).status_code == 401
    assert_ended(client, thief)


def test_concurrent_late_retries_get_one_new_sibling(app: Flask, client: FlaskClient) -> None:
    parent = register(client)["refreshToken"]
    refresh(client, parent)
    with transaction():
        db.session.scalar(select(Session)).rotated_at = utcnow() - timedelta(seconds=60)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda token: refresh(app.test_client(), token), [parent] * 8))
    assert {number(response.json["data"]) for response in responses} == {3}


def number(pair: dict) -> int:
    return verify(pair["refreshToken"], "refresh")["cnt"]


def test_a_token_two_rotations_old_counts_as_theft_immediately(client: FlaskClient) -> None:
    data = register(client)
    second = refresh(client, data["refreshToken"]).json["data"]
    third = refresh(client, second["refreshToken"]).json["data"]
    assert refresh(client, data["refreshToken"]).status_code == 401
    assert_ended(client, third)


def assert_ended(client: FlaskClient, current: dict) -> None:
    """The session has ended for the thief and the user, the user is notified, and there is one audit row."""
    assert client.get("/api/v1/auth/me", headers=bearer(current)).status_code == 401
    assert refresh(client, current["refreshToken"]).status_code == 401
    assert [mail["recipient"] for mail in mails("token-theft")] == ["ada@example.test"]
    session_id = verify(current["refreshToken"], "refresh")["sid"]
    rows = db.session.scalars(select(Audit).where(Audit.action == "authn_token_reuse")).all()
    assert [(row.target, row.outcome) for row in rows] == [(session_id, "failure")]


@pytest.mark.parametrize("column", ["idle_expires_at", "absolute_expires_at"])
def test_an_expired_session_has_ended_and_does_not_count_as_theft(client: FlaskClient, column: str) -> None:
    data = register(client)
    with transaction():
        setattr(db.session.scalar(select(Session)), column, utcnow() - timedelta(seconds=1))
    assert refresh(client, data["refreshToken"]).status_code == 401
    assert mails("token-theft") == []


def test_a_refresh_extends_the_idle_time_but_not_the_absolute_one(client: FlaskClient) -> None:
    data = register(client)
    end = verify(data["refreshToken"], "refresh")["exp"]
    with time_machine.travel(utcnow() + timedelta(days=6), tick=False):
        data = refresh(client, data["refreshToken"]).json["data"]
        assert verify(data["refreshToken"], "refresh")["exp"] - end > 5 * 86400
        with transaction():
            db.session.scalar(select(Session)).absolute_expires_at = utcnow() + timedelta(hours=1)
        data = refresh(client, data["refreshToken"]).json["data"]
        assert verify(data["refreshToken"], "refresh")["exp"] <= utcnow().timestamp() + 3601


def test_an_access_token_does_not_refresh(client: FlaskClient) -> None:
    data = register(client)
    assert refresh(client, data["accessToken"]).status_code == 401
    assert refresh(client, "x" * 20_000).status_code == 401
    assert refresh(client, "not.a.token").status_code == 401


def test_an_old_token_of_an_ended_session_is_no_theft_even_if_another_session_is_active(client: FlaskClient) -> None:
    first = register(client)
    session_id = UUID(verify(first["refreshToken"], "refresh")["sid"])
    latest = refresh(client, refresh(client, first["refreshToken"]).json["data"]["refreshToken"]).json["data"]
    register(client, "bo@example.test")  # an active session of another user
    assert client.post("/api/v1/auth/logout", headers=bearer(latest)).status_code == 204
    assert refresh(client, first["refreshToken"]).status_code == 401
    assert mails("token-theft") == []
    reuse = select(func.count()).where(Audit.action == "authn_token_reuse", Audit.target == str(session_id))
    assert db.session.scalar(reuse) == 0
