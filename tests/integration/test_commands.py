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
from tests.integration.helpers import forward, make, some_id, user_updated


def run(app: Flask, *words: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["integrations", *words])
    assert result.exit_code == code, result.output
    return str(result.output)


def test_integrations_are_listed_and_shown_without_their_secrets(
    app: Flask, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    mine = make(client, me.headers, provider="SLACK", credentials={"signingSecret": "very-secret"})
    other = make(client, as_user().headers, provider="STRIPE")
    assert mine["id"] in run(app, "list")
    assert other["id"] not in run(app, "list", "--user-id", str(me.user.id))
    assert mine["id"] not in run(app, "list", "--provider", "STRIPE")
    shown = run(app, "show", mine["id"])
    assert "has_credentials: True" in shown
    assert "very-secret" not in shown
    assert mine["signingSecret"] not in shown
    assert "no integration" in run(app, "show", str(some_id()), code=1)


def test_a_failed_delivery_is_found_and_made_due(app: Flask, client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    mine = make(client, me.headers, webhookUrl="https://r.example/", config={"eventTypes": ["*"]})
    [delivery_id] = forward(user_updated(me.user.id))
    with transaction():
        db.session.execute(update(Delivery).values(status="FAILED", last_error="answered 500"))
    assert "answered 500" in run(app, "deliveries", mine["id"], "--status", "FAILED")
    assert str(delivery_id) not in run(app, "deliveries", mine["id"], "--status", "PENDING")
    assert "due now" in run(app, "retry", mine["id"], str(delivery_id))
    assert delivery_worker.overdue() == [delivery_id]
    assert "no such delivery" in run(app, "retry", mine["id"], str(some_id()), code=1)


def test_keys_are_rotated_from_the_command_line(app: Flask, client: FlaskClient, as_user: Callable[..., Any]) -> None:
    make(client, as_user().headers)
    assert "0 integrations re-encrypted" in run(app, "rotate-keys")
