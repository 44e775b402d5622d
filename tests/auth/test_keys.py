from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common.app import build_app, service
from heidi_common.database.models import utcnow
from heidi_common.jwt import keys
from heidi_common.problems import Unavailable
from heidi_common.runtime import current_settings
from heidi_services.auth import key_rotation
from tests.auth.helpers import bearer, refresh, register
from tests.conftest import make_settings


@pytest.fixture
def filed(app: Flask, database_url: str, redis_url: str, tmp_path) -> Flask:
    """Auth and users with their keys in files, as `flask up` has them."""
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    key = keys.generate_key()
    private.write_text(json.dumps({"keys": [key]}))
    public.write_text(json.dumps(keys.public_set([key])))
    changed = {"jwt_private_keys": str(private), "jwt_public_keys": str(public)}
    settings = make_settings(database_url, redis_url, **changed)
    return build_app(settings, service("auth"), service("users"))


def run(app: Flask, *args: str) -> Result:
    with app.app_context():
        return app.test_cli_runner().invoke(args=["keys", *args])


def states(client: FlaskClient) -> int:
    found = client.get("/.well-known/jwks.json")
    assert found.status_code == 200 and found.headers["Cache-Control"] == "public, max-age=300"
    assert all(set(key) == {"kty", "crv", "kid", "x", "use", "alg"} for key in found.json["keys"])
    return len(found.json["keys"])


def test_the_public_keys_are_shown_without_an_envelope(client: FlaskClient) -> None:
    assert states(client) == 1


def test_a_rotation_keeps_everybody_signed_in_and_signs_with_a_new_key(filed: Flask) -> None:
    client = filed.test_client()
    data = register(client)
    for expected in (3, 4, 5):
        assert run(filed, "rotate").exit_code == 0
        assert states(client) == expected
        assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    fresh = refresh(client, data["refreshToken"]).json["data"]
    assert fresh["accessToken"].split(".")[0] != data["accessToken"].split(".")[0]
    assert client.get("/api/v1/users/me", headers=bearer(fresh)).status_code == 200
    listed = run(filed, "list").output
    assert [line.split()[1] for line in listed.splitlines()] == ["current", "previous", "previous", "previous", "next"]


def test_a_leaked_key_can_be_refused_at_once(filed: Flask) -> None:
    client = filed.test_client()
    data = register(client)
    assert run(filed, "rotate", "--drop-previous").exit_code == 0
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 401
    assert refresh(client, data["refreshToken"]).status_code == 401


def test_keys_at_an_address_that_is_away_for_a_while_still_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.generate_key()
    monkeypatch.setattr(keys, "REFRESH_SECONDS", -1)
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", -1)
    with HTTPServer() as server:  # its own: it is gone in the end
        server.expect_ordered_request("/jwks.json").respond_with_data("starting", status=503)
        server.expect_ordered_request("/jwks.json").respond_with_json(keys.public_set([key]))
        server.expect_ordered_request("/jwks.json").respond_with_data("<h1>Bad Gateway</h1>", status=502)
        found = keys.PublicKeys(server.url_for("/jwks.json"))
        with pytest.raises(Unavailable):
            found.get(key["kid"])
        first = found.get(key["kid"])
        assert found.get(key["kid"]) is first
        assert len(server.log) == 3
    assert found.get(key["kid"]) is first


def test_a_source_of_keys_that_is_away_is_not_asked_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", 3600)
    with HTTPServer() as server:
        found = keys.PublicKeys(server.url_for("/jwks.json"))
        for _ in range(3):
            with pytest.raises(Unavailable):
                found.get("any")
        assert len(server.log) == 1


def test_nobody_is_told_that_a_token_is_bad_when_no_key_can_be_read(app: Flask, as_user, tmp_path) -> None:
    nowhere = replace(current_settings(), jwt_public_keys=str(tmp_path / "none.json"))
    found = build_app(nowhere, service("auth")).test_client().get("/api/v1/auth/me", headers=as_user().headers)
    assert (found.status_code, found.json["code"]) == (503, "keys_away") and found.headers["Retry-After"]


def test_a_file_of_keys_that_is_being_written_changes_nothing(filed: Flask) -> None:
    client = filed.test_client()
    data = register(client)
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    settings = filed.extensions["heidi"].settings
    for path in (settings.jwt_private_keys, settings.jwt_public_keys):
        Path(path).write_text('{"keys": [')
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    assert refresh(client, data["refreshToken"]).status_code == 200


def test_what_signs_tomorrow_is_published_today() -> None:
    first = key_rotation.rotate([keys.generate_key()])
    upcoming = next(key["kid"] for key in first if key["state"] == "next")
    assert next(key["kid"] for key in key_rotation.rotate(first) if key["state"] == "current") == upcoming


def test_a_key_is_forgotten_when_no_token_of_its_can_live() -> None:
    ring, now = [keys.generate_key()], utcnow()
    old = ring[0]["kid"]
    ring = key_rotation.rotate(ring, now=now)
    assert old in {key["kid"] for key in key_rotation.rotate(ring, now=now + timedelta(days=30))}
    assert old not in {key["kid"] for key in key_rotation.rotate(ring, now=now + timedelta(days=32))}


def test_inline_keys_are_printed_and_nothing_is_written(app: Flask) -> None:
    found = app.test_cli_runner().invoke(args=["keys", "rotate"])
    assert found.exit_code == 0
    assert {key["state"] for key in json.loads(found.stdout)["keys"]} == {"current", "previous", "next"}
