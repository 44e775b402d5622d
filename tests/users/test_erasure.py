from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import inspect, select

from heidi_common.app import build_app
from heidi_common.audit.chain import verify_chain
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import RecoveryCode, Role, Session, Totp, User
from heidi_common.interceptors.idempotency_keys import IdempotencyKey
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.peers import transport
from heidi_common.peers.models import PeerResponse
from heidi_common.runtime import current_settings
from heidi_services import SERVICES
from heidi_services.auth.models import OneTimeToken
from heidi_services.auth.service import erasure, retention
from heidi_services.users.peer_data import PERSONAL_DATA
from tests.auth.helpers import PASSWORD, bearer, login, register, register_verified

USERS = "/api/v1/users"


def erase(client: FlaskClient, user_id: str, headers: dict, **body: str):
    return client.post(f"{USERS}/{user_id}/erase", json=body, headers=headers)


def events(kind: str) -> list[OutboxEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == kind)))


def enroll(client: FlaskClient, headers: dict) -> None:
    secret = client.post("/api/v1/auth/mfa/totp", headers=headers).json["data"]["secret"]
    body = {"code": pyotp.TOTP(secret).now()}
    assert client.post("/api/v1/auth/mfa/totp/confirm", json=body, headers=headers).status_code == 200


def text_of(row: User | Session) -> str:
    """All values but IDs, which may contain the letters that the test looks for by chance."""
    values = [getattr(row, column.key) for column in inspect(type(row)).column_attrs]
    return str([value for value in values if not isinstance(value, UUID)])


def without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)


def test_users_erase_themselves_with_the_password_and_only_the_id_remains(client: FlaskClient) -> None:
    data = register_verified(client, firstName="Ada", lastName="Lovelace")
    user_id, headers = data["user"]["id"], bearer(data)
    enroll(client, headers)
    assert erase(client, user_id, headers).json["errors"][0]["pointer"] == "/password"
    assert erase(client, user_id, headers, password="x" * 12).status_code == 422
    assert erase(client, user_id, headers, password=PASSWORD).status_code == 202
    assert client.get(f"{USERS}/me", headers=headers).status_code == 401
    assert login(client).status_code == 401

    (event,) = events("user.deleted")
    assert event.data["changed"] == ["erasedAt"]
    erasure.erase_user_data(event)
    for table in (OneTimeToken, Totp, RecoveryCode):
        assert db.session.query(table).count() == 0
    user, session = db.session.query(User).one(), db.session.query(Session).one()
    assert str(user.id) == str(session.user_id) == user_id
    for trace in ("ada", "Ada", "Lovelace", "127.0.0.1", "Werkzeug"):
        assert trace not in text_of(user) + text_of(session)
    assert verify_chain().broken_at is None
    register(client)


def test_administrators_can_erase_deleted_users_who_cannot_be_restored_afterwards(client, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    data = register(client)
    user_id = data["user"]["id"]
    assert client.delete(f"{USERS}/{user_id}", headers=admin).status_code == 204
    assert erase(client, user_id, admin).status_code == 202
    assert erase(client, user_id, admin).status_code == 202
    assert len(events("user.deleted")) == 2
    restored = client.post(f"{USERS}/{user_id}/restore", headers=admin)
    assert (restored.status_code, restored.json["code"]) == (409, "erased")


def test_erasure_blanks_stored_responses_whose_requests_still_have_no_second_effect(client, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    body, headers = {"email": "ada@example.test", "password": PASSWORD}, admin | {"Idempotency-Key": "k"}
    created = client.post(USERS, json=body, headers=headers).json["data"]
    other = client.post(USERS, json=body | {"email": "bob@example.test"}, headers=admin | {"Idempotency-Key": "l"})
    own = bearer(login(client).json["data"]) | {"Idempotency-Key": "k"}
    device = {"token": "d" * 30, "label": "Ada's phone"}
    assert client.post("/api/v1/notifications/devices", json=device, headers=own).status_code == 201
    assert erase(client, created["id"], admin).status_code == 202
    bodies = without_ids(" ".join(db.session.scalars(select(IdempotencyKey.body))))
    assert "ada" not in bodies.lower() and "bob@example.test" in bodies and other.status_code == 201
    again = client.post(USERS, json=body, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"], again.json["data"]) == (201, "true", None)
    assert db.session.query(User).filter_by(email="ada@example.test").count() == 0


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
def test_other_roles_cannot_erase_a_user(client, as_user, role) -> None:
    data = register(client)
    assert erase(client, data["user"]["id"], as_user(role).headers).status_code == 404
    assert login(client).status_code == 200


def test_the_last_administrator_cannot_erase_themselves(client, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    data = register(client)
    path = f"{USERS}/{data['user']['id']}"
    client.patch(path, json={"role": "ADMIN"}, headers=admin)
    client.patch(f"{USERS}/me", json={"role": "USER"}, headers=admin)
    signed_in = login(client).json["data"]
    assert erase(client, data["user"]["id"], bearer(signed_in), password=PASSWORD).status_code == 409


def test_a_deletion_that_was_reversed_deletes_no_data(client, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    data = register_verified(client)
    enroll(client, bearer(data))
    client.delete(f"{USERS}/{data['user']['id']}", headers=admin)
    client.post(f"{USERS}/{data['user']['id']}/restore", headers=admin)
    erasure.erase_user_data(events("user.deleted")[0])
    assert db.session.query(Totp).count() == 1


def test_expired_tokens_and_sessions_are_deleted(client) -> None:
    register(client)
    retention.delete_expired()
    assert db.session.query(OneTimeToken).count() == db.session.query(Session).count() == 1
    with transaction():
        db.session.query(OneTimeToken).one().expires_at = utcnow() - timedelta(days=2)
        db.session.query(Session).one().absolute_expires_at = utcnow() - timedelta(days=91)
    retention.delete_expired()
    assert db.session.query(OneTimeToken).count() == db.session.query(Session).count() == 0


def test_an_export_contains_the_data_of_every_service(client, as_user) -> None:
    data = register_verified(client, firstName="Ada")
    headers = bearer(data)
    body = {"provider": "WEBHOOK", "name": "mine", "webhookUrl": "https://example.com/hook"}
    created = client.post("/api/v1/integrations", json=body, headers=headers)
    assert created.status_code == 201, created.json
    response = client.get(f"{USERS}/me/export", headers=headers)
    assert response.status_code == 200, response.json
    parts = response.json["data"]["parts"]
    assert response.json["data"]["user"]["firstName"] == "Ada"
    own = {"sessions", "audit", "facts", "storedResponses"}
    others = {"notifications", "devices", "preferences", "integrations"}
    assert set(parts) == own | others | {name for _, _, names in PERSONAL_DATA for name in names.split()}
    assert parts["sessions"][0]["ip"] == "127.0.0.1"
    assert {"user_created", "authn_login_success"} <= {row["action"] for row in parts["audit"]}
    assert {"user.created", "notification.send"} <= {row["type"] for row in parts["facts"]}
    assert parts["integrations"][0]["name"] == "mine" and parts["integrations"][0]["logs"] == []
    assert "password" not in response.text.lower().replace("password-", "") and "$argon2" not in response.text
    other = client.get(f"{USERS}/me/export", headers=as_user().headers).json["data"]["parts"]
    assert other["integrations"] == [] == other["facts"]


def test_a_page_that_is_too_large_is_requested_again_in_smaller_ones(client, as_user, monkeypatch) -> None:
    limits, call_in_process = [], transport._call_in_process

    def too_large(app, headers, call, timeout) -> PeerResponse:
        limits.append(call.params.get("limit"))
        return (
            PeerResponse(None, error="ResponseTooLarge")
            if call.params.get("limit") == 100
            else call_in_process(app, headers, call, timeout)
        )

    monkeypatch.setattr(transport, "_call_in_process", too_large)
    assert client.get(f"{USERS}/me/export", headers=as_user().headers).status_code == 200
    assert limits[:5] == [None, 100, 10, 100, 10] and limits[1:] == [100, 10] * (len(limits) // 2)


def test_the_rate_limit_of_the_user_does_not_truncate_an_export(app, as_user) -> None:
    headers = as_user().headers
    limited = replace(current_settings(), environment="development", throttle_user_per_minute=2)
    throttled = build_app(limited, *SERVICES.values())
    response = throttled.test_client().get(f"{USERS}/me/export", headers=headers)
    assert response.status_code == 200, response.json


def test_an_export_fails_if_a_service_is_unavailable(client, as_user, monkeypatch) -> None:
    monkeypatch.setattr("heidi_common.peers.transport._call_in_process", lambda *args: PeerResponse(503))
    response = client.get(f"{USERS}/me/export", headers=as_user().headers)
    assert (response.status_code, response.json["code"]) == (503, "export_incomplete")
