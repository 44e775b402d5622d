"""`flask integrations ...`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import select, update
from standardwebhooks import Webhook

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery
from heidi_services.integration.service.deliveries import delivery_worker
from tests.integration.helpers import create_integration, deliver, forward, publish, some_id, user_updated


def run(app: Flask, *arguments: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["integrations", *arguments])
    assert result.exit_code == code, result.output
    return str(result.output)


def test_integrations_are_listed_and_shown_without_their_secrets(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    integration = create_integration(client, me.headers, provider="SLACK", credentials={"signingSecret": "very-secret"})
    other = create_integration(client, as_user().headers, provider="STRIPE")
    assert integration["id"] in run(app, "list")
    assert other["id"] not in run(app, "list", "--user-id", str(me.user.id))
    assert integration["id"] not in run(app, "list", "--provider", "STRIPE")
    output = run(app, "show", integration["id"])
    assert "has_credentials: True" in output
    assert "very-secret" not in output
    assert integration["signingSecret"] not in output
    unknown_id = str(some_id())
    assert f"Integration {unknown_id} not found" in run(app, "show", unknown_id, code=1)


def test_a_failed_delivery_is_listed_and_retried(app: Flask, client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    integration = create_integration(client, me.headers, webhookUrl="https://r.example/", config={"eventTypes": ["*"]})
    [delivery_id] = forward(user_updated(me.user.id))
    with transaction():
        db.session.execute(update(Delivery).values(status="FAILED", last_error="returned 500"))
    assert "returned 500" in run(app, "deliveries", integration["id"], "--status", "FAILED")
    assert str(delivery_id) not in run(app, "deliveries", integration["id"], "--status", "PENDING")
    assert "retried within a second" in run(app, "retry", integration["id"], str(delivery_id))
    assert delivery_worker.overdue() == [delivery_id]
    assert "Delivery not found" in run(app, "retry", integration["id"], str(some_id()), code=1)


def test_secrets_are_reencrypted_from_the_command_line(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    create_integration(client, as_user().headers)
    assert "0 integrations re-encrypted" in run(app, "rotate-keys")


def audited(action: str) -> list[str | None]:
    return list(db.session.scalars(select(Audit.target).where(Audit.action == action)))


@pytest.mark.parametrize(
    "since", ["2020-01-01", "2020-01-01T00:00", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+0200"]
)
def test_failed_and_missed_deliveries_are_recovered(app: Flask, endpoint: dict[str, Any], since: str) -> None:
    [failed] = forward(user_updated(endpoint["user_id"]))
    publish(user_updated(endpoint["user_id"]))
    with transaction():
        db.session.execute(update(Delivery).values(status="FAILED"))
    assert run(app, "recover", endpoint["id"], "--since", since) == "2 deliveries are due now.\n"
    db.session.expire_all()
    assert db.session.get_one(Delivery, failed).status == "PENDING"
    assert run(app, "recover", endpoint["id"], "--since", since) == "0 deliveries are due now.\n"


def test_more_events_than_one_request_recovers_are_recovered(
    app: Flask, endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("cli", "service.deliveries.delivery_recovery"):
        monkeypatch.setattr(f"heidi_services.integration.{module}.MAX_MISSED_EVENTS", 2)
    for _ in range(5):
        publish(user_updated(endpoint["user_id"]))
    assert run(app, "recover", endpoint["id"], "--since", "2020-01-01") == "5 deliveries are due now.\n"


@pytest.mark.parametrize("status", [204, 401, 500])
def test_the_endpoint_is_tested(app: Flask, endpoint: dict[str, Any], httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/hook").respond_with_data("", status=status)
    output = run(app, "test", endpoint["id"], code=0 if status == 204 else 1)
    assert f"localhost returned {status}. (" in output
    Webhook(endpoint["signingSecret"]).verify(httpserver.log[0][0].data, dict(httpserver.log[0][0].headers))


def test_an_integration_without_an_endpoint_cannot_be_tested_or_recovered(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = create_integration(client, as_user().headers)
    assert "nothing to call" in run(app, "test", created["id"], code=1)
    assert "no `webhookUrl`" in run(app, "recover", created["id"], "--since", "2020-01-01", code=1)


def test_an_integration_is_disabled_once_and_its_owner_is_notified(app: Flask, endpoint: dict[str, Any]) -> None:
    assert "switched off. Its owner is notified" in run(app, "disable", endpoint["id"])
    assert "already off" in run(app, "disable", endpoint["id"])
    assert audited("integration_disabled") == [endpoint["id"]]
    requests = list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "notification.send")))
    assert {request.data["channel"] for request in requests} == {"EMAIL", "IN_APP"}
    [event] = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "integration.disabled"))
    assert event.data["reason"] == "operator"
    assert "disabled_reason: An administrator switched it off." in run(app, "show", endpoint["id"])


def test_the_signing_secret_is_rotated_and_printed(
    app: Flask, endpoint: dict[str, Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    result = app.test_cli_runner().invoke(args=["integrations", "rotate-secret", endpoint["id"]])
    assert "signatures of 1 replaced" in result.stderr
    deliver(forward(user_updated(endpoint["user_id"]))[0])
    request = httpserver.log[0][0]
    for secret in (result.stdout.strip(), endpoint["signingSecret"]):
        Webhook(secret).verify(request.data, dict(request.headers))
    assert audited("integration_secret_rotated") == [endpoint["id"]]


@pytest.mark.parametrize("command", [["recover", "--since", "2020-01-01"], ["test"], ["disable"], ["rotate-secret"]])
def test_an_unknown_integration_is_reported(app: Flask, command: list[str]) -> None:
    unknown_id = str(some_id())
    assert f"Integration {unknown_id} not found" in run(app, command[0], unknown_id, *command[1:], code=1)
