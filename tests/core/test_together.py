"""Core with its real peers: all services in one app."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_common.operations import base
from heidi_services import SERVICES
from heidi_services.core.service import operation_runner
from heidi_services.integration.models import Integration
from tests.auth.helpers import mails

BASE = "/api/v1/core"


@pytest.fixture
def admin(as_user: Callable[..., Any], core_machine: UUID) -> dict[str, str]:
    headers: dict[str, str] = as_user(Role.ADMIN).headers
    return headers


def run_operation(client: FlaskClient, admin: dict[str, str], type: str, payload: Any) -> dict[str, Any]:
    answer = client.post(f"{BASE}/operations", json={"type": type, "input": payload}, headers=admin)
    operation = answer.get_json()["data"]
    operation_runner.run(UUID(operation["id"]))
    db.session.expire_all()
    finished: dict[str, Any] = client.get(f"{BASE}/operations/{operation['id']}", headers=admin).get_json()["data"]
    return finished


def test_every_service_reports_its_status(client: FlaskClient, admin: dict[str, str]) -> None:
    status = client.get(f"{BASE}/status", headers=admin).get_json()["data"]
    assert [(part["name"], part["status"]) for part in status["services"]] == [(name, "up") for name in SERVICES]


def test_the_overview_counts_existing_rows(client: FlaskClient, admin: dict[str, str]) -> None:
    answer = client.get(f"{BASE}/overview", headers=admin).get_json()
    assert answer["meta"] == {"unavailable": []}
    assert answer["data"]["users"] == {"total": 1, "active": 1}
    assert answer["data"]["schedules"] == {"total": 0, "enabled": 0}


def test_a_profile_is_shown_to_its_user_and_to_an_administrator(
    client: FlaskClient, admin: dict[str, str], as_user: Callable[..., Any]
) -> None:
    me = as_user(email="me@example.test")
    for headers in (me.headers, admin):
        answer = client.get(f"{BASE}/users/{me.user.id}/profile", headers=headers).get_json()
        assert answer["meta"] == {"unavailable": []}
        assert answer["data"]["user"]["email"] == "me@example.test"
        assert answer["data"]["unreadCount"] == 0
        assert [session["id"] for session in answer["data"]["sessions"]] == [str(me.session_id)]


def test_a_user_is_onboarded(client: FlaskClient, admin: dict[str, str]) -> None:
    operation = run_operation(client, admin, "onboard-user", {"email": "ada@example.test", "firstName": "Ada"})
    assert (operation["status"], operation["error"]) == ("SUCCEEDED", None)
    user = db.session.scalars(select(User).where(User.email == "ada@example.test")).one()
    params = {"userId": str(user.id)}
    inbox = client.get("/api/v1/notifications", query_string=params, headers=admin).get_json()["data"]
    assert "Welcome! Your account is ready." in [message["content"] for message in inbox]
    assert [mail["recipient"] for mail in mails("invitation")] == ["ada@example.test"]
    assert mails("password-reset") == []


def test_a_user_is_offboarded(
    client: FlaskClient, admin: dict[str, str], as_user: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_PAGE_SIZE", 2)
    leaving = as_user()
    for name in ("first", "second", "third"):
        hook = {"provider": "WEBHOOK", "name": name, "webhookUrl": "http://127.0.0.1:9/"}
        created = client.post("/api/v1/integrations", json=hook, headers=leaving.headers)
        assert created.status_code == 201, created.get_json()
    operation = run_operation(client, admin, "offboard-user", {"userId": str(leaving.user.id)})
    assert (operation["status"], operation["error"]) == ("SUCCEEDED", None)
    assert client.get(f"/api/v1/users/{leaving.user.id}", headers=admin).status_code == 404
    assert client.get("/api/v1/auth/me", headers=leaving.headers).status_code == 401
    assert len(operation["steps"][0]["result"]["integrationIds"]) == 3
    active = select(Integration.is_active).where(Integration.user_id == leaving.user.id)
    assert db.session.scalars(active).all() == [False] * 3


def test_a_taken_address_ends_the_onboarding(
    client: FlaskClient, admin: dict[str, str], as_user: Callable[..., Any]
) -> None:
    as_user(email="taken@example.test")
    operation = run_operation(client, admin, "onboard-user", {"email": "taken@example.test"})
    assert (operation["status"], operation["error"]) == ("FAILED", "create-user: users returned 409 (email_taken)")


def test_a_broadcast_reaches_the_bulk_endpoint(client: FlaskClient, admin: dict[str, str]) -> None:
    message = {"channel": "IN_APP", "content": "Hello"}
    operation = run_operation(client, admin, "broadcast", {"message": message, "filter": {"role": "ADMIN"}})
    assert (operation["status"], operation["error"]) == ("SUCCEEDED", None)
    assert operation["steps"][0]["result"]["accepted"] == 1
