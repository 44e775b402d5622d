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
from tests.auth.helpers import bearer, register

CLIENTS, TOKEN, INTROSPECT = (f"/api/v1/auth/{name}" for name in ("clients", "token", "introspect"))


@pytest.fixture
def admin(as_user):
    return as_user(Role.ADMIN).headers


@pytest.fixture
def machine(client: FlaskClient, admin) -> dict:
    body = {"name": "billing", "scopes": ["notifications:write", "schedules:write"]}
    found = client.post(CLIENTS, json=body, headers=admin)
    assert found.status_code == 201, found.json
    return found.json["data"]


def grant(client: FlaskClient, machine: dict, **form):
    given = {"grant_type": "client_credentials", "client_id": machine["clientId"]}
    return client.post(TOKEN, data=given | {"client_secret": machine["clientSecret"]} | form)


def test_a_client_gets_a_token_for_its_scopes_without_an_envelope(client, machine) -> None:
    found = grant(client, machine)
    assert found.status_code == 200 and found.headers["Cache-Control"] == "no-store"
    assert set(found.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert (found.json["token_type"], found.json["expires_in"]) == ("Bearer", 900)
    assert found.json["scope"] == "notifications:write schedules:write"
    assert grant(client, machine, scope="schedules:write").json["scope"] == "schedules:write"


def test_an_old_session_makes_no_lasting_key(client, machine, admin) -> None:
    with transaction():
        db.session.query(Session).one().created_at = utcnow() - timedelta(minutes=11)
    body = {"name": "backdoor", "scopes": ["schedules:write"]}
    for answer in (
        client.post(CLIENTS, json=body, headers=admin),
        client.post(f"{CLIENTS}/{machine['id']}/rotate", headers=admin),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "recent_sign_in_required")
    assert db.session.query(MachineClient).count() == 1 and grant(client, machine).status_code == 200
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 204


def test_basic_credentials_work_as_well(client, machine) -> None:
    raw = base64.b64encode(f"{machine['clientId']}:{machine['clientSecret']}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    assert client.post(TOKEN, data=form, headers={"Authorization": f"Basic {raw}"}).status_code == 200


@pytest.mark.parametrize(
    "raw", ["ü", "=", base64.b64encode(b"\xff:\xff").decode(), base64.b64encode(b"%00:%ff").decode()]
)
def test_credentials_that_are_none_are_refused_not_stumbled_over(client, raw) -> None:
    headers = {"Authorization": f"Basic {raw}".encode().decode("latin1")}
    answer = client.post(TOKEN, data={"grant_type": "client_credentials"}, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


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
def test_refusals_speak_oauth_and_the_platforms_own_shape(client, machine, form, status, error) -> None:
    found = grant(client, machine, **form)
    assert (found.status_code, found.json["error"], found.json["code"]) == (status, error, error)
    assert found.mimetype == "application/problem+json"
    assert status != 401 or found.headers["WWW-Authenticate"].startswith("Basic")


def test_guessing_a_secret_is_throttled(client, machine) -> None:
    codes = [grant(client, machine, client_secret=f"guess {n}").status_code for n in range(11)]
    assert codes == [401] * 10 + [429]


def test_the_secret_is_shown_once_rotated_and_never_stored(client, machine, admin) -> None:
    listed = client.get(CLIENTS, headers=admin).json["data"]
    assert [found["name"] for found in listed] == ["billing"] and "clientSecret" not in listed[0]
    assert db.session.query(MachineClient).one().secret_hash != machine["clientSecret"]
    fresh = client.post(f"{CLIENTS}/{machine['id']}/rotate", headers=admin).json["data"]
    assert grant(client, machine).status_code == 401
    assert grant(client, fresh).status_code == 200


def test_a_revoked_client_and_its_tokens_are_refused_at_once(client, machine, admin) -> None:
    headers = {"Authorization": f"Bearer {grant(client, machine).json['access_token']}"}
    assert client.post(INTROSPECT, data={"token": "x"}, headers=headers).status_code == 200
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 204
    assert client.post(INTROSPECT, data={"token": "x"}, headers=headers).status_code == 401
    assert grant(client, machine).status_code == 401
    assert client.delete(f"{CLIENTS}/{machine['id']}", headers=admin).status_code == 404


def test_introspection_tells_machines_and_nobody_else_about_live_tokens(client, machine) -> None:
    headers = {"Authorization": f"Bearer {grant(client, machine).json['access_token']}"}
    person = register(client)

    def ask(token: str, **kwargs):
        return client.post(INTROSPECT, data={"token": token}, **({"headers": headers} | kwargs))

    live = ask(person["accessToken"]).json
    assert live["active"] is True and live["sub"] == person["user"]["id"] and live["role"] == "USER"
    assert ask(person["refreshToken"]).json == {"active": False} == ask("nonsense").json
    client.post("/api/v1/auth/logout", headers=bearer(person))
    assert ask(person["accessToken"]).json == {"active": False}
    assert ask("x", headers=bearer(register(client, "eve@example.test"))).status_code == 403
    assert client.post(INTROSPECT, data={"token": "x"}).status_code == 401
    assert client.post(INTROSPECT, headers=headers).status_code == 422


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "scopes": ["everything"]}, {"scopes": ["a:b"]}])
def test_a_client_needs_a_name_and_sane_scopes(client, admin, body) -> None:
    assert client.post(CLIENTS, json=body, headers=admin).status_code == 422


def test_a_wrong_scope_at_the_terminal_is_one_line(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["clients", "create", "billing", "--scope", "all"])
    assert (done.exit_code, done.output) == (1, "Error: /scopes/0: A scope looks like notifications:write.\n")
