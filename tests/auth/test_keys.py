from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from dotenv import dotenv_values
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common.app import build_app
from heidi_common.database.models import utcnow
from heidi_common.jwt import keys
from heidi_common.problems import Unavailable
from heidi_common.runtime import current_settings
from heidi_services import SERVICES
from heidi_services.auth import key_rotation
from tests.auth.helpers import bearer, refresh, register
from tests.conftest import make_settings


@pytest.fixture
def app_with_key_files(app: Flask, database_url: str, redis_url: str, tmp_path) -> Flask:
    """Auth and users with their keys in files, as `flask up` stores them."""
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    key = keys.generate_key()
    private.write_text(json.dumps({"keys": [key]}))
    public.write_text(json.dumps(keys.public_set([key])))
    changed = {"jwt_private_keys": str(private), "jwt_public_keys": str(public)}
    settings = make_settings(database_url, redis_url, **changed)
    return build_app(settings, SERVICES["auth"], SERVICES["users"])


def run(app: Flask, *args: str) -> Result:
    with app.app_context():
        return app.test_cli_runner().invoke(args=["keys", *args])


def count_public_keys(client: FlaskClient) -> int:
    response = client.get("/.well-known/jwks.json")
    assert response.status_code == 200 and response.headers["Cache-Control"] == "public, max-age=300"
    assert all(set(key) == {"kty", "crv", "kid", "x", "use", "alg"} for key in response.json["keys"])
    return len(response.json["keys"])


def test_the_public_keys_are_shown_without_an_envelope(client: FlaskClient) -> None:
    assert count_public_keys(client) == 1


def test_a_rotation_keeps_users_signed_in_and_signs_with_a_new_key(app_with_key_files: Flask) -> None:
    client = app_with_key_files.test_client()
    data = register(client)
    for expected in (3, 4, 5):
        assert run(app_with_key_files, "rotate").exit_code == 0
        assert count_public_keys(client) == expected
        assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    refreshed = refresh(client, data["refreshToken"]).json["data"]
    assert refreshed["accessToken"].split(".")[0] != data["accessToken"].split(".")[0]
    assert client.get("/api/v1/users/me", headers=bearer(refreshed)).status_code == 200
    listed = run(app_with_key_files, "list").output
    assert [line.split()[1] for line in listed.splitlines()] == ["current", "previous", "previous", "previous", "next"]


def test_tokens_of_a_leaked_key_can_be_rejected_immediately(app_with_key_files: Flask) -> None:
    client = app_with_key_files.test_client()
    data = register(client)
    assert run(app_with_key_files, "rotate", "--drop-previous").exit_code == 0
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 401
    assert refresh(client, data["refreshToken"]).status_code == 401


def test_cached_keys_still_verify_while_their_url_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.generate_key()
    monkeypatch.setattr(keys, "REFRESH_SECONDS", -1)
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", -1)
    with HTTPServer() as server:  # its own: it is stopped before the end of the test
        server.expect_ordered_request("/jwks.json").respond_with_data("starting", status=503)
        server.expect_ordered_request("/jwks.json").respond_with_json(keys.public_set([key]))
        server.expect_ordered_request("/jwks.json").respond_with_data("<h1>Bad Gateway</h1>", status=502)
        public_keys = keys.PublicKeys(server.url_for("/jwks.json"))
        with pytest.raises(Unavailable):
            public_keys.get(key["kid"])
        first = public_keys.get(key["kid"])
        assert public_keys.get(key["kid"]) is first
        assert len(server.log) == 3
    assert public_keys.get(key["kid"]) is first


def test_an_unavailable_key_url_is_not_requested_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", 3600)
    with HTTPServer() as server:
        public_keys = keys.PublicKeys(server.url_for("/jwks.json"))
        for _ in range(3):
            with pytest.raises(Unavailable):
                public_keys.get("any")
        assert len(server.log) == 1


def test_a_token_is_not_called_invalid_when_no_key_can_be_read(app: Flask, as_user, tmp_path) -> None:
    settings = replace(current_settings(), jwt_public_keys=str(tmp_path / "none.json"))
    response = build_app(settings, SERVICES["auth"]).test_client().get("/api/v1/auth/me", headers=as_user().headers)
    assert (response.status_code, response.json["code"]) == (503, "keys_away") and response.headers["Retry-After"]


def test_a_half_written_key_file_is_ignored(app_with_key_files: Flask) -> None:
    client = app_with_key_files.test_client()
    data = register(client)
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    settings = app_with_key_files.extensions["heidi"].settings
    for path in (settings.jwt_private_keys, settings.jwt_public_keys):
        Path(path).write_text('{"keys": [')
    assert client.get("/api/v1/users/me", headers=bearer(data)).status_code == 200
    assert refresh(client, data["refreshToken"]).status_code == 200


def test_the_next_signing_key_is_published_before_it_signs() -> None:
    first = key_rotation.rotate([keys.generate_key()])
    upcoming = next(key["kid"] for key in first if key["state"] == "next")
    assert next(key["kid"] for key in key_rotation.rotate(first) if key["state"] == "current") == upcoming


def test_a_key_is_removed_when_all_its_tokens_have_expired() -> None:
    ring, now = [keys.generate_key()], utcnow()
    old = ring[0]["kid"]
    ring = key_rotation.rotate(ring, now=now)
    assert old in {key["kid"] for key in key_rotation.rotate(ring, now=now + timedelta(days=30))}
    assert old not in {key["kid"] for key in key_rotation.rotate(ring, now=now + timedelta(days=32))}


def test_inline_keys_are_printed_and_nothing_is_written(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["keys", "rotate"])
    assert result.exit_code == 0
    assert {key["state"] for key in json.loads(result.stdout)["keys"]} == {"current", "previous", "next"}


def test_inline_keys_are_printed_as_lines_of_env_with_their_public_halves(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["keys", "rotate", "--env"])
    values = dotenv_values(stream=StringIO(result.stdout))
    private, public = (json.loads(str(values[f"JWT_{half}_KEYS"]))["keys"] for half in ("PRIVATE", "PUBLIC"))
    assert [key["kid"] for key in public] == [key["kid"] for key in private]
    assert len(private) == 3 and not any("d" in key for key in public)
