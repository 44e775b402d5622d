"""A channel and a provider are one declaration each: one file adds them to every place that knows channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from heidi_common.channels.registry import CHANNELS
from heidi_common.config import reference
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.runtime import Runtime
from heidi_console.forms.preferences import PreferencesForm
from heidi_console.translations.terms import channel_choices
from heidi_services.notification.channels.registry import PROVIDERS, provider_names
from heidi_services.notification.cli.checks import checks
from heidi_services.notification.service.delivery import delivery
from tests.variants import pigeon, whatsapp

API, PHONE = "/api/v1/notifications", "+4915112345678"


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHANNELS, whatsapp.CHANNEL.name, whatsapp.CHANNEL)
    monkeypatch.setitem(PROVIDERS, pigeon.PROVIDER.name, pigeon.PROVIDER)


@pytest.fixture
def vendor(app: Flask, httpserver: HTTPServer) -> Iterator[HTTPServer]:
    """The provider's API, which the app is configured with."""
    before = app.extensions["heidi"]
    values = {"pigeon_url": httpserver.url_for("").rstrip("/"), "pigeon_key": "k"}
    app.extensions["heidi"] = Runtime(before.settings.changed(**values))
    httpserver.expect_request("/send", method="POST", headers={"X-Key": "k"}).respond_with_json({"id": "P1"})
    yield httpserver
    app.extensions["heidi"] = before


@pytest.fixture
def user_id(as_user: Callable[..., Any]) -> UUID:
    user_id: UUID = as_user().user.id
    with transaction():
        db.session.get_one(User, user_id).phone = PHONE
    return user_id


def send(client: FlaskClient, headers: dict[str, str], user_id: UUID, **more: Any) -> Any:
    body = {"userId": str(user_id), "channel": "WHATSAPP", "content": "Hello"} | more
    return client.post(API, json=body, headers=headers)


def test_a_message_is_delivered_and_its_receipt_accepted(
    client: FlaskClient, admin: Any, user_id: UUID, vendor: HTTPServer
) -> None:
    response = send(client, admin.headers, user_id)
    assert response.status_code == 202, response.json
    message_id = response.json["data"]["id"]
    delivery.deliver(UUID(message_id))
    assert vendor.log[0][0].json == {"to": PHONE, "text": "Hello"}
    shown = client.get(f"{API}/{message_id}", headers=admin.headers).json["data"]
    assert (shown["status"], shown["channel"]) == ("SENT", "WHATSAPP")
    receipts, receipt = f"{API}/receipts/pigeon", {"message": message_id}
    assert client.post(receipts, json=receipt, headers={"X-Key": "wrong"}).status_code == 401
    assert client.post(receipts, json=receipt, headers={"X-Key": "k"}).status_code < 300
    shown = client.get(f"{API}/{message_id}", headers=admin.headers).json["data"]
    assert shown["status"] == "DELIVERED"


def test_an_address_can_be_suppressed(client: FlaskClient, admin: Any, user_id: UUID, vendor: HTTPServer) -> None:
    body = {"channel": "WHATSAPP", "address": "+49 151 1234 5678"}
    assert client.post(f"{API}/suppressions", json=body, headers=admin.headers).status_code == 201
    wrong = client.post(f"{API}/suppressions", json=body | {"address": "0151"}, headers=admin.headers)
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/address")
    message_id = send(client, admin.headers, user_id).json["data"]["id"]
    delivery.deliver(UUID(message_id))
    shown = client.get(f"{API}/{message_id}", headers=admin.headers).json["data"]
    assert (shown["status"], shown["failureReason"], vendor.log) == ("FAILED", "suppressed", [])


def test_its_limits_and_preferences_apply(client: FlaskClient, admin: Any, user_id: UUID) -> None:
    response = send(client, admin.headers, user_id, content="x" * 41)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/content")
    muted = {"preferences": [{"category": "general", "channel": "WHATSAPP", "enabled": False}]}
    assert client.put(f"{API}/preferences", json=muted, headers=admin.headers).status_code == 200
    template = {"name": "hi", "channel": "WHATSAPP", "locale": "en", "body": "Hello", "html": "<p>Hello</p>"}
    refused = client.post(f"{API}/templates", json=template, headers=admin.headers)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/html")


def test_a_schedule_sends_over_it(client: FlaskClient, admin: Any, user_id: UUID) -> None:
    payload = {"userId": str(user_id), "channel": "WHATSAPP", "content": "Hello"}
    body = {"name": "x", "cronExpression": "30 2 * * *", "action": "notification.send", "payload": payload}
    assert client.post("/api/v1/schedules", json=body, headers=admin.headers).status_code == 201
    unknown = body | {"payload": payload | {"channel": "FAX"}}
    assert client.post("/api/v1/schedules", json=unknown, headers=admin.headers).status_code == 422


def test_the_settings_are_read_checked_and_documented(settings: Settings, app: Flask) -> None:
    text = reference.markdown()
    assert "`WHATSAPP_PROVIDERS`" in text and "`PIGEON_URL`" in text
    read = settings.from_env({**_required(settings), "WHATSAPP_PROVIDERS": "pigeon", "PIGEON_KEY": "secret"})
    assert provider_names(read, "WHATSAPP") == ("pigeon",)
    assert read.part(pigeon.PigeonSettings).pigeon_key == "secret" and "secret'" not in repr(read.parts)
    with pytest.raises(ConfigError, match="PIGEON_URL") as failed:
        settings.from_env({**_required(settings), "WHATSAPP_PROVIDERS": "smtp", "PIGEON_URL": "ftp://x"})
    assert len(failed.value.problems) == 2
    assert "FAIL" not in [check.run(read) for check in checks(read) if check.name == "Pigeon"]


def test_the_console_offers_it() -> None:
    assert ("WHATSAPP", "WhatsApp message") in [(choice.value, str(choice.label)) for choice in channel_choices()]
    form = PreferencesForm({"preferences": []})
    form.read({})
    assert ("general", "WHATSAPP") in form.muted


def _required(settings: Settings) -> dict[str, str]:
    return {
        "DATABASE_URL": "postgresql://h/x",
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": settings.broker_url,
        "PUBLIC_BASE_URL": settings.public_base_url,
        "SECRET_KEY": settings.secret_key,
        "ENCRYPTION_KEYS": settings.encryption_keys[0],
        "JWT_PRIVATE_KEYS": settings.jwt_private_keys,
        "JWT_PUBLIC_KEYS": settings.jwt_public_keys,
        "HEIDI_ENV": "test",
    }
