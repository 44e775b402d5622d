"""A token that a process has verified before is rejected once it is no longer valid."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.crypto.clock_skew import LEEWAY_SECONDS
from heidi_common.database.models import utcnow
from heidi_common.jwt import tokens
from tests.auth.helpers import bearer, register
from tests.auth.test_keys import app_with_key_files as app_with_key_files
from tests.auth.test_keys import run


def status(client: FlaskClient, signed_in: dict[str, str]) -> int:
    return client.get("/api/v1/auth/me", headers=bearer(signed_in)).status_code


def test_a_verified_token_is_rejected_once_it_has_expired(client: FlaskClient) -> None:
    with time_machine.travel(utcnow(), tick=False) as clock:
        data = register(client)
        assert [status(client, data), status(client, data)] == [200, 200]
        clock.shift(timedelta(seconds=900 + LEEWAY_SECONDS + 1))
        assert status(client, data) == 401


def test_a_verified_token_is_rejected_once_its_key_is_removed(app_with_key_files: Flask) -> None:
    client = app_with_key_files.test_client()
    data = register(client)
    assert status(client, data) == 200
    assert run(app_with_key_files, "rotate", "--drop-previous").exit_code == 0
    assert status(client, data) == 401


def test_a_verified_access_token_is_not_a_refresh_token(client: FlaskClient) -> None:
    data = register(client)
    assert status(client, data) == 200
    response = client.post("/api/v1/auth/refresh", json={"refreshToken": data["accessToken"]})
    assert response.status_code == 401


def test_a_process_caches_a_bounded_number_of_tokens(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MAX_CACHED_TOKENS", 2)
    app.extensions[tokens.VERIFIED_TOKENS].clear()  # tokens of other tests
    for number in range(3):
        assert status(client, register(client, f"person{number}@example.test")) == 200
    assert len(app.extensions[tokens.VERIFIED_TOKENS]) == 1
