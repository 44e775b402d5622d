"""What real senders do differently: header names, formats of times and signatures, challenges, events without IDs."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from standardwebhooks import Webhook
from svix.webhooks import Webhook as Svix

from heidi_common.crypto.webhook_timestamps import parse_timestamp
from heidi_common.database.session import db
from heidi_services.integration.models import WebhookEvent
from tests.integration.helpers import create_integration

SECRET = "not a secret"
SIGNED = {"scheme": "hmac", "header": "X-Signature"}
TIMED = SIGNED | {"template": "{timestamp}.{body}", "timestampHeader": "X-Time"}
Create = Callable[..., dict[str, Any]]


@pytest.fixture
def create(client: FlaskClient, as_user: Callable[..., Any]) -> Create:
    headers = as_user().headers

    def run(provider: str = "CUSTOM", **fields: Any) -> dict[str, Any]:
        return create_integration(client, headers, provider=provider, **fields)

    return run


def custom(create: Create, verify: dict[str, Any] = SIGNED, **config: Any) -> dict[str, Any]:
    return create(credentials={"secret": SECRET}, config={"verify": verify, **config})


def path(created: dict[str, Any]) -> str:
    return f"/api/v1/webhooks/{created['provider'].lower()}/{created['id']}"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(SECRET.encode(), content, algorithm).hexdigest()


def stored() -> list[WebhookEvent]:
    db.session.expire_all()
    return list(db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.created_at)))


# Standard Webhooks


@pytest.mark.parametrize("library", [Webhook, Svix])
@pytest.mark.parametrize("prefix", ["webhook-", "svix-", "Svix-", "WEBHOOK-"])
def test_the_headers_of_svix_and_of_standard_webhooks_are_accepted(
    client: FlaskClient, create: Create, library: Any, prefix: str
) -> None:
    created, body, now = create("WEBHOOK"), '{"type": "order.paid"}', datetime.now(UTC)
    values = ("msg_1", str(int(now.timestamp())), library(created["secret"]).sign("msg_1", now, body))
    headers = {prefix + name: value for name, value in zip(("id", "timestamp", "signature"), values, strict=True)}
    assert client.post(path(created), data=body, headers=headers).status_code == 200
    assert [(event.provider_event_id, event.type) for event in stored()] == [("msg_1", "order.paid")]


def test_headers_of_both_families_are_not_mixed(client: FlaskClient, create: Create) -> None:
    created, now = create("WEBHOOK"), datetime.now(UTC)
    signature = Webhook(created["secret"]).sign("msg_1", now, "{}")
    headers = {"svix-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "svix-signature": signature}
    assert client.post(path(created), data="{}", headers=headers).status_code == 401
    headers |= {"svix-timestamp": str(int(now.timestamp())), "webhook-id": "msg_2"}
    assert client.post(path(created), data="{}", headers=headers).status_code == 200
    assert [event.provider_event_id for event in stored()] == ["msg_1"]


# Times and digests

FORMATS: dict[str, Callable[[datetime], str]] = {
    "seconds": lambda now: str(int(now.timestamp())),
    "fraction": lambda now: f"{now.timestamp():.3f}",
    "milliseconds": lambda now: str(int(now.timestamp() * 1e3)),
    "microseconds": lambda now: str(int(now.timestamp() * 1e6)),
    "nanoseconds": lambda now: str(int(now.timestamp() * 1e9)),
    "ISO 8601": lambda now: now.isoformat(),
    "ISO 8601 with Z": lambda now: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "ISO 8601 with nanoseconds": lambda now: now.strftime("%Y-%m-%dT%H:%M:%S.%f123Z"),
    "ISO 8601 without separators": lambda now: now.strftime("%Y%m%dT%H%M%SZ"),
    "ISO 8601 without offset": lambda now: now.strftime("%Y-%m-%d %H:%M:%S"),
    "ISO 8601 elsewhere": lambda now: now.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat(),
    "ISO 8601 in small letters": lambda now: now.strftime("%Y-%m-%dt%H:%M:%Sz"),
    "HTTP date": lambda now: format_datetime(now, usegmt=True),
}


@pytest.mark.parametrize("offset", [-301, 0, 301])
@pytest.mark.parametrize("style", FORMATS)
def test_a_signed_time_may_have_any_usual_format(client: FlaskClient, create: Create, style: str, offset: int) -> None:
    created = custom(create, TIMED)
    now = datetime.now(UTC)
    with time_machine.travel(now, tick=False):
        timestamp = FORMATS[style](now + timedelta(seconds=offset))
        headers = {"X-Signature": digest(f"{timestamp}.x".encode()), "X-Time": timestamp}
        status = client.post(path(created), data="x", headers=headers).status_code
    assert status == (401 if offset else 200)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-11-28", "1e9", "-1", "+5", "١٢٣", "0x10", "nan", "inf", "2026-13-01T00:00:00Z", "T"]
)
def test_other_texts_are_not_times(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_timestamp(text)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("prefix", ["", "sha=", "V1="])
@pytest.mark.parametrize("change", [str.upper, str.title, str.lower, lambda text: f" {text} "])
def test_hexadecimal_digits_may_be_upper_case(
    client: FlaskClient, create: Create, algorithm: str, prefix: str, change: Callable[[str], str]
) -> None:
    created = custom(create, SIGNED | {"algorithm": algorithm, "prefix": prefix})
    signature = change(prefix + digest(b"x", algorithm))
    assert client.post(path(created), data=b"x", headers={"X-Signature": signature}).status_code == 200
    wrong = change(prefix + digest(b"y", algorithm))
    assert client.post(path(created), data=b"x", headers={"X-Signature": wrong}).status_code == 401


# Challenges


@pytest.fixture
def meta(create: Create) -> dict[str, Any]:
    return create("META", credentials={"appSecret": SECRET, "verifyToken": "t0ken & töken"})


def challenge(**changes: str | None) -> dict[str, str]:
    query = {"hub.mode": "subscribe", "hub.verify_token": "t0ken & töken", "hub.challenge": "1158201444"}
    changed = {**query, **{f"hub.{name}": value for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value is not None}


@pytest.mark.parametrize("value", ["1158201444", "<script>", "ünïcode", "a b+c", "x" * 2000])
def test_a_challenge_with_the_verify_token_is_returned_as_text(
    client: FlaskClient, meta: dict[str, Any], value: str
) -> None:
    response = client.get(path(meta), query_string=challenge(challenge=value))
    assert (response.status_code, response.text) == (200, value)
    assert response.content_type == "text/plain; charset=utf-8"
    assert (response.headers["X-Content-Type-Options"], response.headers["Cache-Control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("token", ["", "T0KEN & TÖKEN", "t0ken & töken ", None])
def test_a_challenge_without_the_verify_token_is_403(
    client: FlaskClient, meta: dict[str, Any], token: str | None
) -> None:
    response = client.get(path(meta), query_string=challenge(verify_token=token))
    assert (response.status_code, response.json["code"]) == (403, "bad_verify_token")
    assert "1158201444" not in response.text


@pytest.mark.parametrize("changes", [{"challenge": None}, {"mode": None}, {"mode": "unsubscribe"}, {"challenge": ""}])
def test_a_get_that_is_not_a_challenge_is_405(
    client: FlaskClient, meta: dict[str, Any], changes: dict[str, str | None]
) -> None:
    response = client.get(path(meta), query_string=challenge(**changes))
    assert (response.status_code, response.headers["Allow"]) == (405, "POST, OPTIONS")


def test_an_integration_without_a_verify_token_confirms_nothing(client: FlaskClient, create: Create) -> None:
    for created in (custom(create), create("META")):
        assert client.get(path(created), query_string=challenge(verify_token="")).status_code == 403


def test_a_custom_sender_may_verify_the_url_too(client: FlaskClient, create: Create) -> None:
    created = create(credentials={"secret": SECRET, "verifyToken": "t"}, config={"verify": SIGNED})
    assert client.get(path(created), query_string=challenge(verify_token="t")).text == "1158201444"


@pytest.mark.parametrize("kind", ["instagram", "page", "whatsapp_business_account"])
def test_a_webhook_of_meta_is_verified_and_named_by_its_object(
    client: FlaskClient, meta: dict[str, Any], kind: str
) -> None:
    body = json.dumps({"object": kind, "entry": [{"id": "0", "time": 1, "changes": []}]}).encode()
    headers = {"X-Hub-Signature-256": f"sha256={digest(body)}"}
    assert client.post(path(meta), data=body, headers=headers).status_code == 200
    assert client.post(path(meta), data=body + b" ", headers=headers).status_code == 401
    assert [event.type for event in stored()] == [kind]


# Events without an ID


def send(client: FlaskClient, created: dict[str, Any], body: bytes, timestamp: str | None = None) -> int:
    signed = body if timestamp is None else timestamp.encode() + b"." + body
    headers = {"X-Signature": digest(signed)} | ({} if timestamp is None else {"X-Time": timestamp})
    response = client.post(path(created), data=body, headers=headers)
    assert response.status_code == 200, response.text
    return int(response.json["data"]["stored"])


@pytest.mark.parametrize("body", [b"", b"ping", b'{"status": "up"}', b"\xff\x00"])
def test_equal_bodies_without_an_id_are_different_events(client: FlaskClient, create: Create, body: bytes) -> None:
    created = custom(create)
    assert [send(client, created, body) for _ in range(3)] == [1, 1, 1]
    assert [event.body for event in stored()] == [body] * 3


def test_equal_bodies_with_an_equal_signed_time_are_one_event(client: FlaskClient, create: Create) -> None:
    created, now = custom(create, TIMED), int(time.time())
    times = [str(now), str(now), str(now - 1), str(now - 1), str(now)]
    assert [send(client, created, b"ping", timestamp) for timestamp in times] == [1, 0, 1, 0, 0]
    assert send(client, created, b"pong", str(now)) == 1


def test_equal_bodies_are_one_event_for_the_seconds_that_the_owner_sets(client: FlaskClient, create: Create) -> None:
    created = custom(create, dedupeSeconds=60)
    start = datetime.now(UTC)
    results = []
    for second in (0, 30, 59, 61, 62, 130):
        with time_machine.travel(start + timedelta(seconds=second), tick=False):
            results.append((send(client, created, b"ping"), send(client, created, b"%d" % second)))
    assert results == [(1, 1), (0, 1), (0, 1), (1, 1), (0, 1), (1, 1)]


def test_dedupe_seconds_do_not_apply_to_events_with_an_id(client: FlaskClient, create: Create) -> None:
    created = custom(create, SIGNED | {"idPath": "id"}, dedupeSeconds=3600)
    results = [send(client, created, body) for body in (b'{"id": 1}', b'{"id": 2}', b'{"id": 1}', b"{}", b"{}")]
    assert results == [1, 1, 0, 1, 0]


def test_equal_webhooks_that_arrive_at_once_are_one_event(app: Flask, client: FlaskClient, create: Create) -> None:
    created = custom(create, dedupeSeconds=60)
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(send(app.test_client(), created, b"ping"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("value", [-1, 86_401, "60", 1.5, True])
def test_dedupe_seconds_are_a_whole_number_up_to_a_day(
    client: FlaskClient, as_user: Callable[..., Any], value: object
) -> None:
    body = {"provider": "CUSTOM", "name": "x", "config": {"dedupeSeconds": value}}
    response = client.post("/api/v1/integrations", json=body, headers=as_user().headers)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/config/dedupeSeconds"]


def test_callbacks_of_a_call_in_progress_are_different_events(client: FlaskClient, create: Create) -> None:
    from twilio.request_validator import RequestValidator

    created = create("TWILIO", credentials={"authToken": "12345"})
    for digits in ("1", "2", "2"):
        fields = {"CallSid": "CA1", "CallStatus": "in-progress", "Digits": digits}
        signature = RequestValidator("12345").compute_signature(f"http://heidi.test{path(created)}", fields)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        assert client.post(path(created), data=fields, headers=headers).status_code == 200
    assert len(stored()) == 3


def test_hashes_are_those_of_the_stored_body(client: FlaskClient, create: Create) -> None:
    send(client, custom(create), b"ping")
    [event] = stored()
    assert event.provider_event_id.startswith(f"sha256:{hashlib.sha256(b'ping').hexdigest()}@")
