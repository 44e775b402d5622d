from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.models import Role, User
from heidi_common.identity.password_hashing import password_hasher
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.runtime import current_runtime, current_settings
from heidi_services.auth import response_timing
from heidi_services.auth.models import OneTimeToken
from tests.auth.helpers import ANOTHER, PASSWORD, bearer, login, mails, refresh, register
from tests.conftest import make_settings
from tests.sql_recorder import recorded_statements

FORGOT, RESET, CHANGE, INVITE = (
    f"/api/v1/auth/password/{operation}" for operation in ("forgot", "reset", "change", "invite")
)


def create_account() -> UUID:
    """As an administrator creates one: its user has never signed in."""
    with transaction():
        return accounts.create_user(email="ada@example.test", password_hash=None).id


def request_reset(client: FlaskClient, email: str = "ada@example.test") -> str:
    assert client.post(FORGOT, json={"email": email}).status_code == 202
    return mails("password-reset")[-1]["variables"]["token"]


def reset(client: FlaskClient, token: str, password: str = ANOTHER):
    return client.post(RESET, json={"token": token, "newPassword": password})


@pytest.fixture
def verified_mode(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = current_settings()
    changed = make_settings(settings.database_url, settings.redis_url, auth_registration="verified")
    monkeypatch.setattr(current_runtime(), "settings", changed)


def test_a_forgotten_password_is_reset_once_and_everything_else_ends(client: FlaskClient) -> None:
    data = register(client)
    token = request_reset(client, "ADA@example.test")
    mail = mails("password-reset")[0]
    assert mail["recipient"] == "ada@example.test" and mail["variables"]["link"].startswith("http://heidi.test/")
    assert reset(client, token).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
    assert refresh(client, data["refreshToken"]).status_code == 401
    assert login(client, password=PASSWORD).status_code == 401
    assert login(client, password=ANOTHER).json["data"]["user"]["emailVerified"] is True
    assert reset(client, token, PASSWORD).status_code == 400
    assert len(mails("password-changed")) == 1


def test_an_invitation_is_valid_for_a_week_and_works_once(client: FlaskClient, as_user) -> None:
    admin, new = as_user(Role.ADMIN).headers, create_account()
    for _ in range(2):
        assert client.post(INVITE, json={"userId": str(new)}, headers=admin).status_code == 202
    first, second = (mail["variables"] for mail in mails("invitation"))
    assert first["link"] == f"http://heidi.test/reset-password#token={first['token']}" and first["days"] == 7
    with time_machine.travel(utcnow() + timedelta(days=7, seconds=1)):
        assert reset(client, first["token"]).status_code == 400
    with time_machine.travel(utcnow() + timedelta(days=6)):
        assert reset(client, first["token"]).status_code == 204
        assert reset(client, second["token"], PASSWORD).status_code == 400
        assert login(client, password=ANOTHER).json["data"]["user"]["emailVerified"] is True


def test_a_user_who_has_signed_in_before_gets_no_invitation(client: FlaskClient, as_user) -> None:
    admin, known = as_user(Role.ADMIN).headers, register(client)["user"]["id"]
    assert client.post(INVITE, json={"userId": known}, headers=admin).status_code == 202
    assert mails("invitation") == []
    assert client.post(INVITE, json={"userId": str(uuid7())}, headers=admin).status_code == 404
    assert client.post(INVITE, json={"userId": known}, headers=as_user(Role.MODERATOR).headers).status_code == 403


def test_an_invitation_ends_with_the_first_sign_in(client: FlaskClient, as_user) -> None:
    invited = create_account()
    client.post(INVITE, json={"userId": str(invited)}, headers=as_user(Role.ADMIN).headers)
    [mail] = mails("invitation")
    with transaction():
        db.session.get_one(User, invited).password_hash = password_hasher().hash(PASSWORD)
    assert login(client).status_code == 200
    assert reset(client, mail["variables"]["token"]).status_code == 400


def test_core_can_invite_after_the_requesters_session_has_ended(client: FlaskClient, as_client) -> None:
    body, machine = {"userId": str(create_account())}, as_client("notifications:write")
    assert client.post(INVITE, json=body, headers=machine).status_code == 202
    assert len(mails("invitation")) == 1


def test_twenty_resets_with_one_token_change_the_password_once(app: Flask, client: FlaskClient) -> None:
    register(client)
    token = request_reset(client)
    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(lambda n: reset(app.test_client(), token, f"{ANOTHER} {n}").status_code, range(20)))
    assert codes == [204] + [400] * 19


def locked(sent: list[Any]) -> list[str]:
    """The tables whose rows are locked, in order."""
    texts = [text for text, _ in sent if text.startswith(("UPDATE", "DELETE")) or "FOR NO KEY UPDATE" in text]
    return [re.findall(r"(?:UPDATE|FROM) (\w+)", text)[0] for text in texts]


def test_a_reset_locks_the_user_before_the_token(client: FlaskClient) -> None:
    """A password change uses the same order; the opposite one could deadlock with it."""
    register(client)
    token = request_reset(client)
    with recorded_statements() as sent:
        assert reset(client, token).status_code == 204
    assert locked(sent)[:2] == ["users", "one_time_tokens"]


def test_a_reset_token_expires_after_fifteen_minutes_and_after_a_change(client: FlaskClient) -> None:
    data = register(client)
    old = request_reset(client)
    with time_machine.travel(utcnow() + timedelta(minutes=15, seconds=1)):
        assert reset(client, old).status_code == 400
    token = request_reset(client)
    body = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    assert client.post(CHANGE, json=body, headers=bearer(data)).status_code == 204
    assert reset(client, token, PASSWORD).status_code == 400


def test_the_token_stays_valid_when_the_new_password_is_rejected(client: FlaskClient) -> None:
    register(client)
    token = request_reset(client)
    assert reset(client, token, "password1234").json["errors"][0]["pointer"] == "/newPassword"
    assert reset(client, token).status_code == 204


def test_the_response_to_a_forgotten_password_does_not_reveal_accounts(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(client)
    slept: list[float] = []
    monkeypatch.setattr(response_timing, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=slept.append))
    responses = [
        client.post(FORGOT, json={"email": email}) for email in ("ada@example.test", "no@example.test", "what")
    ]
    assert {(response.status_code, response.text) for response in responses} == {(202, responses[0].text)}
    assert len(mails("password-reset")) == 1
    assert slept == [response_timing.FLOOR_SECONDS] * 3, "the remainder, since the block itself took no time"


def test_tokens_are_stored_hashed_and_never_appear_in_an_event(client: FlaskClient) -> None:
    register(client)
    token = request_reset(client)
    rows = db.session.query(OneTimeToken).all()
    assert rows and all(token not in (row.token_hash, row.email) for row in rows)
    for event in db.session.query(OutboxEvent):
        assert token not in str(event.data) and "ada@" not in str(event.data)


def test_a_change_needs_the_current_password_and_keeps_this_session(client: FlaskClient) -> None:
    here, there = register(client), login(client).json["data"]
    same = client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": PASSWORD}, headers=bearer(here))
    assert same.status_code == 422 and same.json["errors"][0]["pointer"] == "/newPassword"
    wrong = client.post(CHANGE, json={"currentPassword": "x" * 12, "newPassword": ANOTHER}, headers=bearer(here))
    assert wrong.status_code == 422 and wrong.json["errors"][0]["pointer"] == "/currentPassword"
    body = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    assert client.post(CHANGE, json=body, headers=bearer(here)).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(here)).status_code == 200
    assert client.get("/api/v1/auth/me", headers=bearer(there)).status_code == 401
    assert refresh(client, there["refreshToken"]).status_code == 401
    assert refresh(client, here["refreshToken"]).status_code == 200


def test_a_change_does_not_undo_a_concurrent_one(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thief who knows the old password must not override the owner, who is replacing it."""
    data = register(client)
    faster = password_hasher().hash("a lantern by the quiet sea")

    def change_meanwhile(*_args: object, **_options: object) -> None:
        with transaction():
            db.session.execute(update(User).values(password_hash=faster, password_changed_at=utcnow()))

    monkeypatch.setattr("heidi_services.auth.service.password.require_acceptable_password", change_meanwhile)
    late = client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": ANOTHER}, headers=bearer(data))
    assert (late.status_code, late.json["errors"][0]["pointer"]) == (422, "/currentPassword")
    assert login(client, password="a lantern by the quiet sea").status_code == 200


def test_the_current_password_cannot_be_guessed_with_a_session(client: FlaskClient) -> None:
    data = register(client)
    for _ in range(10):
        client.post(CHANGE, json={"currentPassword": "x" * 12, "newPassword": ANOTHER}, headers=bearer(data))
    body = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    assert client.post(CHANGE, json=body, headers=bearer(data)).status_code == 429


def test_an_address_is_verified_once_and_the_mail_can_be_sent_again(client: FlaskClient) -> None:
    data = register(client)
    first = mails("verify-email")[0]["variables"]["token"]
    assert client.post("/api/v1/auth/email/resend", headers=bearer(data)).status_code == 202
    second = mails("verify-email")[1]["variables"]["token"]
    assert client.post("/api/v1/auth/email/verify", json={"token": first}).status_code == 400
    assert client.post("/api/v1/auth/email/verify", json={"token": second}).status_code == 204
    assert client.post("/api/v1/auth/email/verify", json={"token": second}).status_code == 400
    assert client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]["emailVerified"] is True
    assert client.post("/api/v1/auth/email/resend", headers=bearer(data)).status_code == 202
    assert len(mails("verify-email")) == 2


def test_a_verification_locks_the_user_before_the_token(client: FlaskClient) -> None:
    register(client)
    token = mails("verify-email")[0]["variables"]["token"]
    with recorded_statements() as sent:
        assert client.post("/api/v1/auth/email/verify", json={"token": token}).status_code == 204
    assert locked(sent)[:2] == ["users", "one_time_tokens"]


def test_a_verification_does_not_count_for_an_address_set_later(client: FlaskClient) -> None:
    register(client)
    token = mails("verify-email")[0]["variables"]["token"]
    with transaction():
        db.session.query(User).one().email = "other@example.test"
    assert client.post("/api/v1/auth/email/verify", json={"token": token}).status_code == 400


def test_verified_registration_does_not_reveal_accounts(client: FlaskClient, verified_mode: None) -> None:
    body = {"email": "ada@example.test", "password": PASSWORD}
    first = client.post("/api/v1/auth/register", json=body)
    assert first.status_code == 202 and login(client).status_code == 401
    token = mails("verify-email")[-1]["variables"]["token"]
    assert client.post("/api/v1/auth/email/verify", json={"token": token}).status_code == 204
    assert login(client).status_code == 200
    again = client.post("/api/v1/auth/register", json={**body, "password": ANOTHER})
    assert (again.status_code, again.text) == (202, first.text)
    assert [mail["recipient"] for mail in mails("email-taken")] == ["ada@example.test"]
    assert login(client, password=ANOTHER).status_code == 401


def test_a_second_registration_before_verification_replaces_the_password(
    client: FlaskClient, verified_mode: None
) -> None:
    for password in (PASSWORD, ANOTHER):
        body = {"email": "ada@example.test", "password": password}
        assert client.post("/api/v1/auth/register", json=body).status_code == 202
    stale, token = (mail["variables"]["token"] for mail in mails("verify-email"))
    assert client.post("/api/v1/auth/email/verify", json={"token": stale}).status_code == 400
    assert client.post("/api/v1/auth/email/verify", json={"token": token}).status_code == 204
    assert login(client, password=PASSWORD).status_code == 401
    assert login(client, password=ANOTHER).status_code == 200
