"""Slack's requests over HTTP, in the forms that its documentation shows, and the responses that it expects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import select
from werkzeug.test import TestResponse

from heidi_common.database.session import db
from heidi_services.integration.models import WebhookEvent
from tests.integration.helpers import create_integration

FORM = "application/x-www-form-urlencoded"
SLASH_COMMAND = {"token": "t", "team_id": "T1", "command": "/deploy", "text": "now & here", "trigger_id": "13.7"}


@pytest.fixture
def slack(client: FlaskClient, as_user: Callable[..., Any]) -> dict[str, Any]:
    return create_integration(client, as_user().headers, provider="SLACK", credentials={"signingSecret": "abc"})


def send(
    client: FlaskClient, slack: dict[str, Any], body: str, content_type: str = FORM, *, sent_at: float | None = None
) -> TestResponse:
    timestamp = str(int(sent_at or time.time()))
    headers = {
        "X-Slack-Signature": str(SignatureVerifier("abc").generate_signature(timestamp=timestamp, body=body)),
        "X-Slack-Request-Timestamp": timestamp,
        "Content-Type": content_type,
    }
    return client.post(f"/api/v1/webhooks/slack/{slack['id']}", data=body, headers=headers)


def interaction(payload_type: str, **members: Any) -> str:
    return urlencode({"payload": json.dumps({"type": payload_type, "user": {"id": "U1"}, **members})})


def stored_types() -> list[str]:
    return list(db.session.scalars(select(WebhookEvent.type).order_by(WebhookEvent.created_at)))


@pytest.mark.parametrize(
    ("body", "event_type"),
    [
        (interaction("view_submission", view={"callback_id": "ticket"}), "view_submission"),
        (interaction("view_closed", is_cleared=True), "view_closed"),
        (interaction("block_actions", actions=[{"action_id": "ok", "value": "1+1=2"}]), "block_actions"),
        (interaction("shortcut", callback_id="new"), "shortcut"),
        (interaction("message_action", message={"text": "ünïcode"}), "message_action"),
        (interaction("workflow_step_edit"), "workflow_step_edit"),
        (urlencode(SLASH_COMMAND), "slash_command"),
        (urlencode({**SLASH_COMMAND, "text": ""}), "slash_command"),
        (urlencode({"command": "/ping", "response_url": "https://hooks.slack.com/commands/1"}), "slash_command"),
    ],
)
def test_interactions_and_commands_are_acknowledged_with_an_empty_body(
    client: FlaskClient, slack: dict[str, Any], body: str, event_type: str
) -> None:
    response = send(client, slack, body)
    assert (response.status_code, response.data) == (200, b"")
    assert stored_types() == [event_type]


def test_a_request_for_options_gets_a_list_of_options(client: FlaskClient, slack: dict[str, Any]) -> None:
    assert send(client, slack, interaction("block_suggestion", value="be")).json == {"options": []}


@pytest.mark.parametrize("challenge", ["3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "", "<b>", "ünïcode"])
def test_the_url_is_verified_with_the_challenge(client: FlaskClient, slack: dict[str, Any], challenge: str) -> None:
    body = json.dumps({"type": "url_verification", "token": "t", "challenge": challenge})
    response = send(client, slack, body, "application/json")
    assert (response.content_type, response.json) == ("application/json", {"challenge": challenge})
    assert stored_types() == []


def test_the_check_of_the_certificate_is_not_an_event(client: FlaskClient, slack: dict[str, Any]) -> None:
    assert send(client, slack, urlencode({"ssl_check": "1", "token": "t"})).status_code == 200
    assert stored_types() == []


def test_an_event_is_acknowledged_and_recognized_by_its_id(client: FlaskClient, slack: dict[str, Any]) -> None:
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}})
    times = (time.time(), time.time() - 60)
    assert [send(client, slack, body, "application/json", sent_at=at).status_code for at in times] == [200, 200]
    assert stored_types() == ["app_mention"]


def test_the_same_command_at_another_time_is_another_event(client: FlaskClient, slack: dict[str, Any]) -> None:
    now = time.time()
    for sent_at in (now - 90, now - 60, now - 60, now - 60, now):
        send(client, slack, urlencode({"command": "/ping"}), sent_at=sent_at)
    assert stored_types() == ["slash_command"] * 3


@pytest.mark.parametrize("body", ["payload=%7B", "payload=%5B1%5D", "payload", "a=%ff", "null", "%", ""])
def test_a_signed_form_of_any_shape_is_one_event(client: FlaskClient, slack: dict[str, Any], body: str) -> None:
    assert send(client, slack, body).status_code == 200
    assert stored_types() == ["unknown"]
