"""Web Push for clients: the public key that a browser subscribes with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.config.settings import ConfigError, Settings
from heidi_common.crypto import vapid
from heidi_common.runtime import current_runtime

URL = "/api/v1/notifications/push-key"


@pytest.fixture
def with_key(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    runtime = current_runtime()

    def use(key: str) -> None:
        monkeypatch.setattr(runtime, "settings", runtime.settings.changed(vapid_private_key=key))

    return use


def test_the_key_is_public_and_belongs_to_the_private_key(client: FlaskClient, with_key: Callable[[str], None]) -> None:
    key = vapid.generate_private_key()
    with_key(key)
    response = client.get(URL)
    assert (response.status_code, response.json["data"]) == (200, {"publicKey": vapid.public_key(key)})


def test_without_a_key_the_response_says_how_to_get_one(client: FlaskClient, with_key: Callable[[str], None]) -> None:
    with_key("")
    response = client.get(URL)
    assert response.status_code == 404 and "flask keys vapid" in response.json["detail"]


def test_the_command_prints_a_setting_that_is_accepted(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["keys", "vapid"])
    name, _, key = result.stdout.strip().partition("=")
    assert (result.exit_code, name) == (0, "VAPID_PRIVATE_KEY")
    assert vapid.public_key(key) in result.stderr


@pytest.mark.parametrize("key", ["short", "not base64!", "A" * 42])
def test_a_key_that_is_not_one_stops_the_start(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("VAPID_PRIVATE_KEY", key)
    with pytest.raises(ConfigError, match="VAPID_PRIVATE_KEY: must be 32 bytes in base64url"):
        Settings.from_env()
