from __future__ import annotations

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


def test_the_previous_token_works_for_ten_seconds_and_counts_as_theft_after_that(client: FlaskClient) -> None:
    data = register(client)
    with time_machine.travel(utcnow(), tick=False) as clock:
        newer = refresh(client, data["refreshToken"]).json["data"]
        clock.shift(timedelta(seconds=9))
        assert refresh(client, data["refreshToken"]).status_code == 200
        clock.shift(timedelta(seconds=2))
        assert refresh(client, data["refreshToken"]).status_code == 401
        assert_ended(client, newer)


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
