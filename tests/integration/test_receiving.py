"""Receiving webhooks over HTTP: verified, stored once, then acknowledged; all others are rejected."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Integration, IntegrationLog, WebhookEvent
from heidi_services.integration.service import integration_log
from heidi_services.integration.service.receiving import received_events, webhook_receiver
from tests.integration.helpers import API, STRIPE_SECRET, create_integration, some_id, stripe_event, stripe_headers


@pytest.fixture
def stripe(client: FlaskClient, as_user: Callable[..., Any]) -> dict[str, Any]:
    """A Stripe integration, with the headers of its owner."""
    me = as_user()
    created = create_integration(client, me.headers, provider="STRIPE", credentials={"webhookSecret": STRIPE_SECRET})
    return created | {"headers": me.headers}


def post(
    client: FlaskClient, created: dict[str, Any], body: bytes, headers: dict[str, str], query: str = ""
) -> TestResponse:
    path = f"/api/v1/webhooks/{created['provider'].lower()}/{created['id']}"
    return client.post(path + query, data=body, headers=headers)


def stored() -> list[WebhookEvent]:
    db.session.expire_all()
    return list(db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.provider_event_id)))


def emitted() -> list[OutboxEvent]:
    return list(
        db.session.scalars(
            select(OutboxEvent).where(OutboxEvent.type == "integration.webhook").order_by(OutboxEvent.id)
        )
    )


def test_a_signed_webhook_is_stored_and_emitted_before_it_is_acknowledged(
    client: FlaskClient, stripe: dict[str, Any]
) -> None:
    response = post(client, stripe, stripe_event(), stripe_headers(stripe_event()))
    assert (response.status_code, response.json["data"]) == (200, {"received": 1, "stored": 1})
    [event] = stored()
    assert (event.provider_event_id, event.type, event.body) == ("evt_1", "invoice.paid", stripe_event())
    [outbox_event] = emitted()
    assert outbox_event.subject == str(event.id)
    assert str(outbox_event.user_id) == stripe["userId"]
    assert outbox_event.data == {
        "id": str(event.id),
        "integrationId": stripe["id"],
        "userId": stripe["userId"],
        "provider": "STRIPE",
        "providerEventType": "invoice.paid",
    }


def test_a_repetition_is_acknowledged_and_changes_nothing(client: FlaskClient, stripe: dict[str, Any]) -> None:
    for new in (1, 0, 0):
        response = post(client, stripe, stripe_event(), stripe_headers(stripe_event()))
        assert (response.status_code, response.json["data"]["stored"]) == (200, new)
    assert len(stored()) == len(emitted()) == 1


def test_a_webhook_cannot_choose_the_type_of_the_emitted_event(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    config = {"verify": {"scheme": "token", "header": "X-Token", "typePath": "type"}}
    created = create_integration(
        client, as_user().headers, provider="CUSTOM", credentials={"token": "t0ken"}, config=config
    )
    body = json.dumps({"type": "user.deleted"}).encode()
    assert post(client, created, body, {"X-Token": "t0ken"}).status_code == 200
    assert [event.type for event in db.session.scalars(select(OutboxEvent))] == ["integration.webhook"]


def test_a_bad_signature_is_401_and_only_the_owner_learns_why(client: FlaskClient, stripe: dict[str, Any]) -> None:
    response = post(client, stripe, b'{"id":"evt_9"}', stripe_headers(stripe_event()))
    assert (response.status_code, response.json["code"]) == (401, "bad_signature")
    assert "match" not in response.text
    assert stored() == emitted() == []
    [line] = client.get(f"{API}/{stripe['id']}/logs", headers=stripe["headers"]).json["data"]
    assert (line["direction"], line["status"], line["statusCode"]) == ("IN", "REFUSED", 401)
    assert line["error"] == "signature does not match"
    assert "stripe-signature" not in {name.lower() for name in line["request"]["headers"]}


def test_no_signature_at_all_is_401_for_every_provider(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    for provider in ("STRIPE", "SENDGRID", "TWILIO", "SLACK", "WEBHOOK", "CUSTOM"):
        created = create_integration(client, me.headers, provider=provider)
        assert post(client, created, b"{}", {}).status_code == 401
    assert stored() == []


def test_the_receiver_of_an_integration_without_a_secret_is_closed(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = create_integration(client, as_user().headers, provider="STRIPE", credentials={"apiKey": "sk_1"})
    assert post(client, created, stripe_event(), stripe_headers(stripe_event())).status_code == 401


def test_unknown_inactive_and_mismatched_receivers_are_404(client: FlaskClient, stripe: dict[str, Any]) -> None:
    body, headers = stripe_event(), stripe_headers(stripe_event())
    assert post(client, stripe | {"id": str(some_id())}, body, headers).status_code == 404
    assert post(client, stripe | {"provider": "slack"}, body, headers).status_code == 404
    assert post(client, stripe | {"id": "1"}, body, headers).status_code == 404
    assert client.get(f"/api/v1/webhooks/stripe/{stripe['id']}").status_code == 405
    client.patch(f"{API}/{stripe['id']}", json={"isActive": False}, headers=stripe["headers"])
    assert post(client, stripe, body, headers).status_code == 404
    assert stored() == []


@pytest.mark.parametrize(("size", "status"), [(5 * 1024 * 1024, 200), (5 * 1024 * 1024 + 1, 413)])
def test_a_body_has_at_most_5_mib(client: FlaskClient, stripe: dict[str, Any], size: int, status: int) -> None:
    body = b"x" * size
    assert post(client, stripe, body, stripe_headers(body)).status_code == status
    assert [len(event.body) for event in stored()] == ([size] if status == 200 else [])


def test_the_bodies_of_users_keep_their_own_limit(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    body = {"provider": "WEBHOOK", "name": "x" * 1024 * 1024}
    assert client.post(API, json=body, headers=as_user().headers).status_code == 413


def test_without_the_database_the_provider_is_asked_to_retry(
    client: FlaskClient, stripe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(received_events, "_insert", lost)
    response = post(client, stripe, stripe_event(), stripe_headers(stripe_event()))
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    monkeypatch.undo()
    assert stored() == emitted() == []
    assert post(client, stripe, stripe_event(), stripe_headers(stripe_event())).json["data"]["stored"] == 1


def test_rejected_webhooks_are_logged_up_to_the_limit_per_minute(
    client: FlaskClient, stripe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integration_log, "MAX_REJECTIONS_PER_MINUTE", 3)
    for _ in range(5):
        assert post(client, stripe, b"{}", {}).status_code == 401
    assert len(list(db.session.scalars(select(IntegrationLog)))) == 3


def test_a_batch_of_sendgrid_is_stored_event_by_event(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    credentials = {"webhookPublicKey": base64.b64encode(der).decode()}
    created = create_integration(client, as_user().headers, provider="SENDGRID", credentials=credentials)
    body = json.dumps([{"sg_event_id": name, "event": "open"} for name in "abca"]).encode() + b"\r\n"
    timestamp = str(int(time.time()))
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }
    assert post(client, created, body, headers).json["data"] == {"received": 4, "stored": 3}
    assert [event.provider_event_id for event in stored()] == ["a", "b", "c"]
    assert len(emitted()) == 3


def test_twilio_signs_the_public_url_and_gets_twiml_back(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    created = create_integration(client, as_user().headers, provider="TWILIO", credentials={"authToken": "12345"})
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    url = f"http://heidi.test/api/v1/webhooks/twilio/{created['id']}?a=1%202"
    headers = {
        "X-Twilio-Signature": RequestValidator("12345").compute_signature(url, fields),
        "Content-Type": "application/x-www-form-urlencoded",
        "Host": "evil.example",
    }
    response = post(client, created, urlencode(fields).encode(), headers, "?a=1%202")
    assert (response.status_code, response.content_type, response.text) == (200, "text/xml", "<Response/>")
    assert stored()[0].provider_event_id == "SM1:delivered"


def test_slacks_handshake_needs_its_signature(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    created = create_integration(client, as_user().headers, provider="SLACK", credentials={"signingSecret": "abc"})
    body, timestamp = b'{"type":"url_verification","challenge":"c1"}', str(int(time.time()))
    signature = SignatureVerifier("abc").generate_signature(timestamp=timestamp, body=body)
    headers = {"X-Slack-Signature": str(signature), "X-Slack-Request-Timestamp": timestamp}
    assert post(client, created, body, headers).json == {"challenge": "c1"}
    assert post(client, created, body, headers | {"X-Slack-Signature": "v0=00"}).status_code == 401
    assert stored() == []


def test_a_signed_body_of_slack_may_be_anything(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    created = create_integration(client, as_user().headers, provider="SLACK", credentials={"signingSecret": "abc"})
    body, timestamp = b"[" * 100_000, str(int(time.time()))
    signature = SignatureVerifier("abc").generate_signature(timestamp=timestamp, body=body)
    headers = {"X-Slack-Signature": str(signature), "X-Slack-Request-Timestamp": timestamp}
    assert post(client, created, body, headers).status_code == 200
    assert [event.type for event in stored()] == ["unknown"]


@pytest.mark.parametrize("signed", [True, False])
def test_a_receiver_that_is_deleted_while_it_receives_is_404(
    client: FlaskClient, stripe: dict[str, Any], monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    original = webhook_receiver.verify_and_parse

    def delete_then_verify(*args: Any) -> Any:
        with db.engine.begin() as connection:
            connection.execute(delete(Integration))
        return original(*args)

    monkeypatch.setattr(webhook_receiver, "verify_and_parse", delete_then_verify)
    body = stripe_event()
    headers = stripe_headers(body) if signed else {"Stripe-Signature": "t=1,v1=00"}
    assert post(client, stripe, body, headers).status_code == 404


def test_a_standard_webhook_is_accepted_with_the_generated_secret(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    created = create_integration(client, as_user().headers)
    now = datetime.now(UTC)
    body = '{"type": "order.paid"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(created["secret"]).sign("msg_1", now, body),
    }
    assert post(client, created, body.encode(), headers).status_code == 200
    assert stored()[0].type == "order.paid"


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b'{"id":"e","a":[1]}', {"id": "e", "a": [1]}),
        (b"\xff\x00", "\ufffd\x00"),
        (b'{"id":"nul\\u0000"}', {"id": "nul\x00"}),
        (b"[" * 400 + b"]" * 400, "[" * 400 + "]" * 400),
        (b'"\\ud800"', '"\\ud800"'),
        (b"", ""),
    ],
    ids=["json", "not text", "nul", "deep", "surrogate", "empty"],
)
def test_a_received_body_is_shown_as_json_or_as_text(
    client: FlaskClient, stripe: dict[str, Any], body: bytes, payload: Any
) -> None:
    assert post(client, stripe, body, stripe_headers(body)).status_code == 200
    [event] = client.get(f"{API}/{stripe['id']}/events", headers=stripe["headers"]).json["data"]
    assert event["payload"] == payload
    assert event.keys() == {"id", "integrationId", "providerEventId", "type", "payload", "createdAt"}


def test_a_replay_emits_another_event_about_the_same_webhook_event(client: FlaskClient, stripe: dict[str, Any]) -> None:
    post(client, stripe, stripe_event(), stripe_headers(stripe_event()))
    [event] = stored()
    path = f"{API}/{stripe['id']}/events"
    assert client.post(f"{path}/{event.id}/replay", headers=stripe["headers"]).status_code == 202
    first, second = emitted()
    assert (first.subject, first.data) == (second.subject, second.data)
    assert client.post(f"{path}/{some_id()}/replay", headers=stripe["headers"]).status_code == 404
