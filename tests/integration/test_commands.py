"""`flask integrations ...`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.integration.models import Delivery
from heidi_services.integration.service import delivery_worker
from tests.integration.helpers import create_integration, forward, some_id, user_updated


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
