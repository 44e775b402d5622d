"""What administrators do for users who have lost a device or suspect a thief."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import RecoveryCode, Role, Session, Totp
from heidi_services.users.peer_data import PERSONAL_DATA
from tests.auth.helpers import bearer, login, mails, refresh, register_verified

USERS, ME = "/api/v1/users", "/api/v1/auth/me"


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


@pytest.fixture
def ada(client: FlaskClient) -> dict[str, Any]:
    """A user with a second factor and three recovery codes, one of them used."""
    data = register_verified(client)
    with transaction():
        db.session.add(Totp(user_id=data["user"]["id"], secret="x", confirmed_at=utcnow()))
        for number in range(3):
            used = utcnow() if number == 0 else None
            db.session.add(RecoveryCode(user_id=data["user"]["id"], code_hash=str(number), used_at=used))
    return data


def audited(action: str) -> list[tuple[str | None, dict[str, Any] | None]]:
    return [(row.target, row.detail) for row in db.session.scalars(select(Audit).where(Audit.action == action))]


def test_me_shows_the_second_factor_and_the_remaining_codes(client: FlaskClient, ada, as_user) -> None:
    first = client.get(ME, headers=bearer(ada))
    assert (first.json["data"]["mfaEnabled"], first.json["data"]["recoveryCodesRemaining"]) == (True, 2)
    without = client.get(ME, headers=as_user().headers).json["data"]
    assert (without["mfaEnabled"], without["recoveryCodesRemaining"]) == (False, 0)
    new = client.post("/api/v1/auth/mfa/recovery-codes", headers=bearer(ada)).json["data"]["recoveryCodes"]
    assert len(set(new)) == 10 and len(mails("recovery-codes-replaced")) == 1
    second = client.get(ME, headers=bearer(ada) | {"If-None-Match": first.headers["ETag"]})
    assert second.json["data"]["recoveryCodesRemaining"] == 10
    tag = {"If-Match": second.headers["ETag"]}
    for path in ("me", ada["user"]["id"]):
        assert client.patch(f"{USERS}/{path}", json={}, headers=bearer(ada) | tag).status_code == 200
    challenge = login(client).json["data"]["mfaToken"]
    body = {"mfaToken": challenge, "code": new[3]}
    assert client.post("/api/v1/auth/mfa/verify", json=body).status_code == 200
    assert client.get(ME, headers=bearer(ada)).json["data"]["recoveryCodesRemaining"] == 9
    assert client.post("/api/v1/auth/mfa/recovery-codes", headers=as_user().headers).status_code == 404


@pytest.mark.parametrize(
    "request_options", [{"query_string": {"reason": "lost phone"}}, {"json": {"reason": "lost phone"}}]
)
def test_an_administrator_removes_a_second_factor(client: FlaskClient, ada, admin, request_options) -> None:
    path = f"{USERS}/{ada['user']['id']}/mfa"
    assert client.delete(path, headers=admin.headers, **request_options).status_code == 204
    assert "mfaRequired" not in login(client).json["data"]
    assert audited("authn_mfa_disabled") == [(ada["user"]["id"], {"reason": "lost phone"})]
    assert [mail["recipient"] for mail in mails("mfa-removed-by-admin")] == ["ada@example.test"]
    assert client.delete(path, headers=admin.headers, **request_options).status_code == 404


def test_an_administrator_ends_one_session_or_all(client: FlaskClient, admin) -> None:
    here, there = register_verified(client), login(client).json["data"]
    sessions = f"{USERS}/{here['user']['id']}/sessions"
    listed = client.get(f"/api/v1/auth/sessions?userId={here['user']['id']}", headers=admin.headers).json["data"]
    ids = {row["createdAt"]: row["id"] for row in listed}
    oldest = ids[min(ids)]
    reason = {"reason": "unknown device"}
    assert client.delete(f"{sessions}/{oldest}", json=reason, headers=admin.headers).status_code == 204
    assert client.get(ME, headers=bearer(here)).status_code == 401
    assert client.get(ME, headers=bearer(there)).status_code == 200
    assert client.delete(f"{sessions}/{oldest}", json=reason, headers=admin.headers).status_code == 404
    other = f"{USERS}/{admin.user.id}/sessions/{ids[max(ids)]}"
    assert client.delete(other, json=reason, headers=admin.headers).status_code == 404
    assert client.delete(sessions, json=reason, headers=admin.headers).status_code == 204
    assert client.get(ME, headers=bearer(there)).status_code == 401
    assert refresh(client, there["refreshToken"]).status_code == 401
    assert len(mails("sessions-ended")) == 2
    assert audited("authn_logout_all") == [(here["user"]["id"], {"sessions": 1, "reason": "unknown device"})]


@pytest.mark.parametrize("path", ["mfa", "sessions", "sessions/0198c0de-0000-7000-8000-000000000001"])
def test_support_needs_an_administrator_a_recent_sign_in_and_a_reason(
    client: FlaskClient, ada, admin, as_user, as_client, path: str
) -> None:
    url, reason = f"{USERS}/{ada['user']['id']}/{path}", {"reason": "asked"}
    others = (as_user(Role.MODERATOR).headers, bearer(ada), as_client("users:write"))
    for headers in others:
        assert client.delete(url, json=reason, headers=headers).status_code == 403
    for body in (
        None,
        {},
        {"reason": " "},
        {"reason": "x" * 501},
        {"reason": 5},
        {"because": "x"},
        [],
        {"reason": None},
    ):
        rejected = client.delete(url, json=body, headers=admin.headers)
        assert rejected.status_code == 422, body
    assert client.delete(url, headers=admin.headers).json["errors"][0]["pointer"] == "/reason"
    assert client.delete(f"{USERS}/{uuid4()}/{path}", json=reason, headers=admin.headers).status_code == 404
    with transaction():
        old = utcnow() - timedelta(minutes=11)
        db.session.execute(update(Session).where(Session.id == admin.session_id).values(created_at=old))
    stale = client.delete(url, json=reason, headers=admin.headers)
    assert (stale.status_code, stale.json["code"]) == (403, "recent_sign_in_required")
    assert mails("mfa-removed-by-admin") == mails("sessions-ended") == []


def test_the_commands_do_the_same(app: Flask, client: FlaskClient, ada) -> None:
    def run(*args: str) -> Any:
        result = app.test_cli_runner().invoke(args=["users", *args])
        db.session.rollback()
        return result

    assert run("remove-mfa", "ada@example.test").exit_code == 2
    assert run("remove-mfa", "ada@example.test", "--reason", " ").exit_code == 2
    assert "ada@example.test" in run("remove-mfa", "ada@example.test", "--reason", "lost phone").output
    assert run("remove-mfa", "ada@example.test", "--reason", "lost phone").exit_code == 1
    login(client)
    first, _ = (line.split()[0] for line in run("sessions", "ada@example.test").output.splitlines())
    assert run("end-sessions", "ada@example.test", "--session", first, "--reason", "theft").exit_code == 0
    assert "ended 1 sessions" in run("end-sessions", ada["user"]["id"], "--reason", "theft").output
    assert client.get(ME, headers=bearer(ada)).status_code == 401
    assert len(mails("mfa-removed-by-admin")) == 1 and len(mails("sessions-ended")) == 2


def test_an_administrator_exports_all_data_of_a_user(client: FlaskClient, ada, admin, as_user) -> None:
    mine = {"provider": "WEBHOOK", "name": "hers", "webhookUrl": "https://example.com/hook"}
    assert client.post("/api/v1/integrations", json=mine, headers=bearer(ada)).status_code == 201
    url, user_id = f"{USERS}/{ada['user']['id']}/export", ada["user"]["id"]
    response = client.get(url, query_string={"reason": "GDPR request 7"}, headers=admin.headers)
    assert response.status_code == 200, response.json
    assert "attachment" in response.headers["Content-Disposition"]
    assert audited("user_data_exported") == [(user_id, {"reason": "GDPR request 7"})]
    own = client.get(f"{USERS}/me/export", headers=bearer(ada)).json["data"]
    exported = response.json["data"]
    assert exported["user"] == own["user"]
    assert set(exported["parts"]) == set(own["parts"])
    changing = {"audit", "sessions", "storedResponses", "hiddenNotifications", "notifications"}
    assert {name: own["parts"][name] for name in own["parts"] if name not in changing} == {
        name: exported["parts"][name] for name in exported["parts"] if name not in changing
    }
    assert [row["name"] for row in exported["parts"]["integrations"]] == ["hers"]
    assert "violet-harbour" not in response.text and "$argon2" not in response.text


def test_the_own_export_of_an_administrator_has_nothing_of_other_users(client: FlaskClient, ada, admin) -> None:
    mine = {"provider": "WEBHOOK", "name": "hers", "webhookUrl": "https://example.com/hook"}
    assert client.post("/api/v1/integrations", json=mine, headers=bearer(ada)).status_code == 201
    parts = client.get(f"{USERS}/me/export", headers=admin.headers).json["data"]["parts"]
    assert parts["integrations"] == []


def test_an_export_needs_an_administrator_a_recent_sign_in_and_a_reason(
    client: FlaskClient, ada, admin, as_user, as_client
) -> None:
    url, reason = f"{USERS}/{ada['user']['id']}/export", {"reason": "asked"}
    for headers in (as_user(Role.MODERATOR).headers, bearer(ada), as_client("users:read", "users:write")):
        assert client.get(url, query_string=reason, headers=headers).status_code == 403
    for query in ({}, {"reason": " "}, {"reason": "x" * 501}, {"reason": "two\nlines"}, {"because": "x"}):
        assert client.get(url, query_string=query, headers=admin.headers).status_code == 422, query
    assert client.get(f"{USERS}/{uuid4()}/export", query_string=reason, headers=admin.headers).status_code == 404
    with transaction():
        old = utcnow() - timedelta(minutes=11)
        db.session.execute(update(Session).where(Session.id == admin.session_id).values(created_at=old))
    stale = client.get(url, query_string=reason, headers=admin.headers)
    assert (stale.status_code, stale.json["code"]) == (403, "recent_sign_in_required")
    assert audited("user_data_exported") == []


def test_a_deleted_account_can_be_exported(client: FlaskClient, ada, admin) -> None:
    url = f"{USERS}/{ada['user']['id']}"
    assert client.delete(url, headers=admin.headers).status_code == 204
    exported = client.get(f"{url}/export", query_string={"reason": "asked"}, headers=admin.headers)
    assert exported.status_code == 200 and exported.json["data"]["user"]["email"] == "ada@example.test"


PERSONAL_DATA_PATHS = sorted({path for _, path, _ in PERSONAL_DATA})


@pytest.mark.parametrize("path", PERSONAL_DATA_PATHS)
def test_all_data_of_another_user_is_read_by_an_export_only(client: FlaskClient, ada, admin, as_user, path) -> None:
    query = {"userId": ada["user"]["id"]}
    for headers in (admin.headers, as_user().headers, admin.headers | {"X-Heidi-Peer": "forged"}):
        assert client.get(path, query_string=query, headers=headers).status_code == 403
    assert client.get(path, query_string=query, headers=bearer(ada)).status_code == 200
    assert client.get(path, query_string={"userId": "ada"}, headers=admin.headers).status_code == 422


@pytest.mark.parametrize("path", ["preferences", "devices"])
def test_an_administrator_reads_what_a_user_receives(client: FlaskClient, ada, admin, as_user, path) -> None:
    muted = {"preferences": [{"category": "marketing", "channel": "EMAIL", "enabled": False}], "quietHours": None}
    assert client.put("/api/v1/notifications/preferences", json=muted, headers=bearer(ada)).status_code == 200
    url, query = f"/api/v1/notifications/{path}", {"userId": ada["user"]["id"]}
    own = client.get(url, headers=bearer(ada)).json["data"]
    assert client.get(url, query_string=query, headers=admin.headers).json["data"] == own
    assert client.get(url, headers=admin.headers).json["data"] != own or path == "devices"
    assert client.get(url, query_string=query, headers=as_user(Role.MODERATOR).headers).status_code == 403
