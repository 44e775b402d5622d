"""Changes of an e-mail address, by its user and by an administrator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.runtime import current_runtime, current_settings
from heidi_services.auth.service import email_change
from tests.auth.helpers import ANOTHER, PASSWORD, bearer, login, mails, refresh, register, register_verified
from tests.conftest import make_settings

CHANGE = "/api/v1/auth/email/change"
OLD, NEW = "ada@example.test", "lovelace@example.test"


def request(client: FlaskClient, data: dict[str, Any], email: str = NEW, **body: Any) -> Any:
    return client.post(CHANGE, json={"email": email, **body}, headers=bearer(data))


def confirm(client: FlaskClient) -> Any:
    return client.post(f"{CHANGE}/confirm", json={"token": mails("confirm-email-change")[-1]["variables"]["token"]})


def revert(client: FlaskClient, number: int = -1) -> Any:
    return client.post(f"{CHANGE}/revert", json={"token": mails("email-changed")[number]["variables"]["token"]})


def change(client: FlaskClient, data: dict[str, Any], email: str = NEW) -> None:
    assert request(client, data, email).status_code == 202
    assert confirm(client).status_code == 204


def make_old(session_user: dict[str, Any]) -> None:
    with transaction():
        started = utcnow() - timedelta(minutes=11)
        user_id = UUID(session_user["user"]["id"])
        db.session.execute(update(Session).where(Session.user_id == user_id).values(created_at=started))


def test_a_change_is_confirmed_from_the_new_address_and_reported_to_the_old(client: FlaskClient) -> None:
    data = register_verified(client, firstName="Ada")
    assert request(client, data, "Lovelace@Example.TEST").status_code == 202
    assert client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]["email"] == OLD
    [mail] = mails("confirm-email-change")
    assert mail["recipient"] == NEW and mail["variables"]["firstName"] == ""
    assert mail["variables"]["link"].startswith("http://heidi.test/confirm-email#token=")
    assert confirm(client).status_code == 204 and confirm(client).status_code == 400
    me = client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]
    assert (me["email"], me["emailVerified"]) == (NEW, True)
    assert (login(client).status_code, login(client, NEW).status_code) == (401, 200)
    [mail] = mails("email-changed")
    assert mail["recipient"] == OLD and mail["variables"]["days"] == 7
    [row] = db.session.scalars(select(Audit).where(Audit.action == "user_email_changed"))
    assert row.detail == {"old": fingerprint(OLD), "new": fingerprint(NEW)}


def test_an_old_session_needs_the_password(client: FlaskClient) -> None:
    data = register_verified(client)
    make_old(data)
    rejected = request(client, data)
    assert (rejected.status_code, rejected.json["code"]) == (403, "recent_sign_in_required")
    wrong = request(client, data, password="x" * 12)
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/password")
    assert request(client, data, password=PASSWORD).status_code == 202
    for _ in range(9):
        request(client, data, password="x" * 12)
    assert request(client, data, password=PASSWORD).status_code == 429


@pytest.mark.parametrize("email", ["", "nonsense", "ada@example.test", "ADA@example.test", "a" * 65 + "@example.test"])
def test_an_invalid_address_is_named(client: FlaskClient, email: str) -> None:
    rejected = request(client, register_verified(client), email)
    assert (rejected.status_code, rejected.json["errors"][0]["pointer"]) == (422, "/email")


def test_a_taken_address_is_rejected_or_in_verified_mode_reported_to_its_owner(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = register_verified(client)
    register(client, NEW)
    assert request(client, data).json["code"] == "email_taken"
    settings = current_settings()
    verified = make_settings(settings.database_url, settings.redis_url, auth_registration="verified")
    monkeypatch.setattr(current_runtime(), "settings", verified)
    assert request(client, data).status_code == 202
    assert [mail["recipient"] for mail in mails("email-taken")] == [NEW]
    assert mails("confirm-email-change") == []


def test_an_address_that_is_taken_in_the_meantime_is_a_conflict(client: FlaskClient) -> None:
    request(client, register_verified(client))
    register(client, NEW)
    assert confirm(client).json["code"] == "email_taken"


@pytest.mark.parametrize("days", [0, 3, 6.9])
def test_the_old_address_can_revert_the_change_for_seven_days(client: FlaskClient, days: float) -> None:
    data = register_verified(client)
    change(client, data)
    with time_machine.travel(utcnow() + timedelta(days=days)):
        assert revert(client).status_code == 204
        assert revert(client).status_code == 400
        assert login(client).json["data"]["user"]["emailVerified"] is True
        assert (login(client, NEW).status_code, refresh(client, data["refreshToken"]).status_code) == (401, 401)
    assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
    assert [mail["recipient"] for mail in mails("email-change-reverted")] == [OLD]


def test_after_seven_days_the_change_is_final(client: FlaskClient) -> None:
    change(client, register_verified(client))
    with time_machine.travel(utcnow() + timedelta(days=7, seconds=1)):
        assert revert(client).status_code == 400


def test_a_thief_cannot_prevent_the_reversal(client: FlaskClient) -> None:
    """By a new password, by a second change, or by registering the old address."""
    data = register_verified(client)
    change(client, data)
    body = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    assert client.post("/api/v1/auth/password/change", json=body, headers=bearer(data)).status_code == 204
    change(client, data, "thief@example.test")
    squatter = register(client, OLD)
    assert revert(client, 0).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(squatter)).status_code == 401
    assert revert(client, 1).status_code == 400
    assert login(client, OLD, ANOTHER).json["data"]["user"]["id"] == data["user"]["id"]


def test_a_verified_account_with_the_old_address_is_not_deleted(client: FlaskClient) -> None:
    change(client, register_verified(client))
    other = register_verified(client, OLD)
    assert revert(client).json["code"] == "email_taken"
    assert client.get("/api/v1/auth/me", headers=bearer(other)).status_code == 200


def test_a_new_request_withdraws_the_link_of_the_one_before(client: FlaskClient) -> None:
    data = register_verified(client)
    request(client, data, "first@example.test")
    request(client, data)
    first, _ = mails("confirm-email-change")
    assert client.post(f"{CHANGE}/confirm", json={"token": first["variables"]["token"]}).status_code == 400
    assert confirm(client).status_code == 204


def test_an_administrator_changes_an_address(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    data, admin = register_verified(client), as_user(Role.ADMIN)
    path = f"/api/v1/users/{data['user']['id']}"
    changed = client.patch(path, json={"email": NEW}, headers=admin.headers).json["data"]
    assert (changed["email"], changed["emailVerified"]) == (NEW, False)
    assert {mail["recipient"] for mail in mails("email-changed-by-admin")} == {OLD, NEW}
    assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
    assert refresh(client, data["refreshToken"]).status_code == 401
    events = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.updated")).all()
    replaced = email_change.filter_replaced_addresses(events)
    for event in events:
        if event.id in replaced:
            email_change.verify_replaced_address(UUID(event.subject))
    mail = mails("verify-email")[-1]
    assert mail["recipient"] == NEW and mail["variables"]["firstName"] == ""
    body = {"token": mail["variables"]["token"]}
    assert client.post("/api/v1/auth/email/verify", json=body).status_code == 204
    assert login(client, NEW).json["data"]["user"]["emailVerified"] is True


def test_a_change_by_the_user_needs_no_further_verification(client: FlaskClient) -> None:
    change(client, register_verified(client))
    events = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.updated")).all()
    assert email_change.filter_replaced_addresses(events) == set()


def test_administrators_change_their_own_address_like_everybody(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN)
    for path in ("me", admin.user.id):
        rejected = client.patch(f"/api/v1/users/{path}", json={"email": NEW}, headers=admin.headers)
        assert (rejected.status_code, rejected.json["errors"][0]["pointer"]) == (422, "/email")
