from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import MachineClient, Role, Session
from heidi_common.identity.scopes import DESCRIPTIONS, Scope
from tests.auth.helpers import bearer, register
from tests.conftest import ROOT

CLIENTS, TOKEN, INTROSPECT = (f"/api/v1/auth/{name}" for name in ("clients", "token", "introspect"))


@pytest.fixture
def admin(as_user):
    return as_user(Role.ADMIN).headers


@pytest.fixture
def machine(client: FlaskClient, admin) -> dict:
    body = {"name": "billing", "scopes": ["notifications:write", "schedules:write"]}
    response = client.post(CLIENTS, json=body, headers=admin)
    assert response.status_code == 201, response.json
    return response.json["data"]


def grant(client: FlaskClient, machine: dict, **form):
    defaults = {"grant_type": "client_credentials", "client_id": machine["clientId"]}
    return client.post(TOKEN, data=defaults | {"client_secret": machine["clientSecret"]} | form)


def test_a_client_gets_a_token_for_its_scopes_without_an_envelope(client, machine) -> None:
    response = grant(client, machine)
    assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
    assert set(response.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert (response.json["token_type"], response.json["expires_in"]) == ("Bearer", 900)
    assert response.json["scope"] == "notifications:write schedules:write"
    assert grant(client, machine, scope="schedules:write").json["scope"] == "schedules:write"


def test_an_old_session_cannot_create_or_rotate_a_client_secret(client, machine, admin) -> None:
    with transaction():
        db.session.query(Session).one().created_at = utcnow() - timedelta(minutes=11)
    body = {"name": "backdoor", "scopes": ["schedules:write"]}
    for response in (
        client.post(CLIENTS, json=body, headers=admin),
        client.post(f"{CLIENTS}/{machine['id']}/rotate", headers=admin),
    ):
        assert (response.status_code, response.json["code"]) == (403, "recent_sign_in_required")
    assert db.session.query(MachineClient).count() == 1 and grant(client, machine).status_code == 200
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 204


def test_basic_credentials_work_as_well(client, machine) -> None:
    raw = base64.b64encode(f"{machine['clientId']}:{machine['clientSecret']}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    assert client.post(TOKEN, data=form, headers={"Authorization": f"Basic {raw}"}).status_code == 200


@pytest.mark.parametrize(
    "raw", ["ü", "=", base64.b64encode(b"\xff:\xff").decode(), base64.b64encode(b"%00:%ff").decode()]
)
def test_malformed_basic_credentials_are_rejected(client, raw) -> None:
    headers = {"Authorization": f"Basic {raw}".encode().decode("latin1")}
    response = client.post(TOKEN, data={"grant_type": "client_credentials"}, headers=headers)
    assert (response.status_code, response.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "not-an-id"}, 401, "invalid_client"),
        ({"client_id": "0198c5a5-0000-7000-8000-000000000000"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"scope": "users:delete"}, 400, "invalid_scope"),
        ({"client_secret": "a\0b"}, 400, "invalid_request"),
    ],
)
def test_errors_have_the_fields_of_oauth_and_of_the_platform(client, machine, form, status, error) -> None:
    response = grant(client, machine, **form)
    assert (response.status_code, response.json["error"], response.json["code"]) == (status, error, error)
    assert response.mimetype == "application/problem+json"
    assert status != 401 or response.headers["WWW-Authenticate"].startswith("Basic")


def test_guessing_a_secret_is_throttled(client, machine) -> None:
    codes = [grant(client, machine, client_secret=f"guess {n}").status_code for n in range(11)]
    assert codes == [401] * 10 + [429]


def test_the_secret_is_shown_once_rotated_and_never_stored(client, machine, admin) -> None:
    listed = client.get(CLIENTS, headers=admin).json["data"]
    assert [response["name"] for response in listed] == ["billing"] and "clientSecret" not in listed[0]
    assert db.session.query(MachineClient).one().secret_hash != machine["clientSecret"]
    rotated = client.post(f"{CLIENTS}/{machine['id']}/rotate", headers=admin).json["data"]
    assert grant(client, machine).status_code == 401
    assert grant(client, rotated).status_code == 200


def test_a_revoked_client_and_its_tokens_are_rejected_immediately(client, machine, admin) -> None:
    headers = {"Authorization": f"Bearer {grant(client, machine).json['access_token']}"}
    assert client.post(INTROSPECT, data={"token": "x"}, headers=headers).status_code == 200
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 204
    assert client.post(INTROSPECT, data={"token": "x"}, headers=headers).status_code == 401
    assert grant(client, machine).status_code == 401
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 404


def test_introspection_shows_active_tokens_to_machine_clients_only(client, machine) -> None:
    headers = {"Authorization": f"Bearer {grant(client, machine).json['access_token']}"}
    user = register(client)

    def introspect(token: str, **kwargs):
        return client.post(INTROSPECT, data={"token": token}, **({"headers": headers} | kwargs))

    live = introspect(user["accessToken"]).json
    assert live["active"] is True and live["sub"] == user["user"]["id"] and live["role"] == "USER"
    assert introspect(user["refreshToken"]).json == {"active": False} == introspect("nonsense").json
    client.post("/api/v1/auth/logout", headers=bearer(user))
    assert introspect(user["accessToken"]).json == {"active": False}
    assert introspect("x", headers=bearer(register(client, "eve@example.test"))).status_code == 403
    assert client.post(INTROSPECT, data={"token": "x"}).status_code == 401
    assert client.post(INTROSPECT, headers=headers).status_code == 422


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "scopes": ["everything"]}, {"scopes": ["a:b"]}])
def test_a_client_needs_a_name_and_valid_scopes(client, admin, body) -> None:
    assert client.post(CLIENTS, json=body, headers=admin).status_code == 422


def test_an_invalid_scope_in_the_terminal_is_reported_in_one_line(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["clients", "create", "billing", "--scope", "all"])
    problem = f"/scopes/0: Must be one of: {', '.join(Scope)}."
    assert (done.exit_code, done.output) == (1, f"Error: {problem}\n")


def test_an_unknown_scope_is_rejected_with_the_allowed_ones(client, admin) -> None:
    body = {"name": "reports", "scopes": ["users:read", "reports:read"]}
    response = client.post(CLIENTS, json=body, headers=admin)
    assert response.status_code == 422
    expected = {"pointer": "/scopes/1", "detail": f"Must be one of: {', '.join(Scope)}."}
    assert response.json["errors"] == [expected]
    assert db.session.query(MachineClient).count() == 0


def test_a_stored_unknown_scope_stays_and_grants_nothing(client, machine, admin) -> None:
    scopes = ["notifications:write", "reports:read"]
    with transaction():
        db.session.query(MachineClient).one().scopes = scopes
    assert grant(client, machine).json["scope"] == "notifications:write"
    assert grant(client, machine, scope="reports:read").json["error"] == "invalid_scope"
    assert client.get(CLIENTS, headers=admin).json["data"][0]["scopes"] == scopes


def test_the_documents_describe_every_scope(client) -> None:
    document = client.get("/docs/auth/openapi.json").json
    scopes = document["components"]["schemas"]["ClientIn"]["properties"]["scopes"]
    assert scopes["items"]["enum"] == list(Scope) == list(DESCRIPTIONS)
    texts = [scopes["description"], document["components"]["securitySchemes"]["bearer"]["description"]]
    texts.append((ROOT / "docs" / "security.md").read_text())
    for scope, description in DESCRIPTIONS.items():
        assert all(f"`{scope}`" in text and description.rstrip(".") in text for text in texts), scope
