"""Signature verification against published examples, and against the vendors' libraries as signers."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from stripe import WebhookSignature
from svix.webhooks import Webhook as SvixWebhook
from twilio.request_validator import RequestValidator

from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_services.integration.providers.base import InboundWebhook, ReceivedEvent
from heidi_services.integration.providers.inbound import verify_and_parse
from heidi_services.integration.providers.registry import PROVIDERS

NOW = 1_800_000_000
URL = "https://heidi.example/api/v1/webhooks/x/y"


def inbound(body: bytes, headers: Mapping[str, str], url: str = URL, now: float = NOW) -> InboundWebhook:
    return InboundWebhook(body, {name.lower(): value for name, value in headers.items()}, url, now)


def accepted(
    name: str, request: InboundWebhook, credentials: dict[str, str], config: dict[str, Any] | None = None
) -> list[ReceivedEvent]:
    return list(verify_and_parse(PROVIDERS[name], request, credentials, config or {}))


def rejected(
    name: str, request: InboundWebhook, credentials: dict[str, str], config: dict[str, Any] | None = None
) -> str:
    with pytest.raises(InvalidSignature) as caught:
        verify_and_parse(PROVIDERS[name], request, credentials, config or {})
    return str(caught.value)


# Stripe

STRIPE = {"webhookSecret": "whsec_test_secret"}
STRIPE_EXAMPLE = "t=12345,v1=b99ec5f59dd69a44f5bcfd252ab7bc3d1bd191bd61c9b9ea85139b856a73bc6f"


def stripe_header(body: bytes, timestamp: int = NOW) -> str:
    signature = WebhookSignature._compute_signature(f"{timestamp}.{body.decode()}", STRIPE["webhookSecret"])
    return f"t={timestamp},v1={signature}"


def test_the_published_example_of_stripe_is_accepted() -> None:
    request = inbound(b'{"id":"evt_1"}', {"Stripe-Signature": STRIPE_EXAMPLE}, now=12345)
    assert accepted("STRIPE", request, STRIPE) == [ReceivedEvent("evt_1", "unknown", b'{"id":"evt_1"}')]


def test_a_signature_of_stripes_library_is_accepted() -> None:
    body = b'{"id": "evt_2", "type": "invoice.paid"}'
    request = inbound(body, {"Stripe-Signature": stripe_header(body)})
    assert accepted("STRIPE", request, STRIPE) == [ReceivedEvent("evt_2", "invoice.paid", body)]


@pytest.mark.parametrize("offset", [-301, 301, 31_536_000])
def test_stripe_is_rejected_outside_five_minutes_in_both_directions(offset: int) -> None:
    request = inbound(b"{}", {"Stripe-Signature": stripe_header(b"{}", NOW + offset)})
    assert "tolerance" in rejected("STRIPE", request, STRIPE)


@pytest.mark.parametrize("offset", [-300, 300])
def test_stripe_is_accepted_at_the_edge_of_five_minutes(offset: int) -> None:
    request = inbound(b"{}", {"Stripe-Signature": stripe_header(b"{}", NOW + offset)})
    assert accepted("STRIPE", request, STRIPE)


def test_any_v1_of_stripe_may_match_but_never_a_v0() -> None:
    good = stripe_header(b"{}").partition("v1=")[2]
    assert accepted("STRIPE", inbound(b"{}", {"Stripe-Signature": f"t={NOW},v1=bad,v0=x,v1={good}"}), STRIPE)
    assert rejected("STRIPE", inbound(b"{}", {"Stripe-Signature": f"t={NOW},v0={good}"}), STRIPE)
    assert rejected("STRIPE", inbound(b"{}", {"Stripe-Signature": f"t={NOW},v0={good},v1=bad"}), STRIPE)


def test_a_changed_byte_of_the_body_or_another_secret_is_rejected() -> None:
    request = inbound(b"{ }", {"Stripe-Signature": stripe_header(b"{}")})
    assert rejected("STRIPE", request, STRIPE) == "signature does not match"
    request = inbound(b"{}", {"Stripe-Signature": stripe_header(b"{}")})
    assert rejected("STRIPE", request, {"webhookSecret": "whsec_other"}) == "signature does not match"


# SendGrid

KEY = ec.generate_private_key(ec.SECP256R1())
SENDGRID = {
    "webhookPublicKey": base64.b64encode(
        KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
}
SENDGRID_BODY = b'[{"sg_event_id":"a","event":"delivered"},{"sg_event_id":"b","event":"open"}]\r\n'


def sendgrid_headers(body: bytes, timestamp: int = NOW, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
    signature = key.sign(str(timestamp).encode() + body, ec.ECDSA(SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(timestamp),
    }


def test_each_element_of_a_sendgrid_request_is_an_event_and_the_trailing_crlf_counts() -> None:
    headers = sendgrid_headers(SENDGRID_BODY)
    events = accepted("SENDGRID", inbound(SENDGRID_BODY, headers), SENDGRID)
    assert [(event.id, event.type) for event in events] == [("a", "delivered"), ("b", "open")]
    assert rejected("SENDGRID", inbound(SENDGRID_BODY.strip(), headers), SENDGRID)


def test_a_sendgrid_request_with_too_many_events_is_stored_as_one() -> None:
    body = b"[" + b"{}," * 300_000 + b"{}]"
    [event] = accepted("SENDGRID", inbound(body, sendgrid_headers(body)), SENDGRID)
    assert (event.type, event.body) == ("unknown", body)


def test_an_accepted_signature_is_accepted_by_sendgrids_library_too() -> None:
    from sendgrid.helpers.eventwebhook import EventWebhook

    headers = sendgrid_headers(SENDGRID_BODY)
    oracle = EventWebhook(SENDGRID["webhookPublicKey"])
    assert oracle.verify_signature(
        SENDGRID_BODY.decode(),
        headers["X-Twilio-Email-Event-Webhook-Signature"],
        headers["X-Twilio-Email-Event-Webhook-Timestamp"],
    )
    assert accepted("SENDGRID", inbound(SENDGRID_BODY, headers), SENDGRID)


def test_sendgrid_may_repeat_for_a_day_and_the_window_is_configurable() -> None:
    old = inbound(SENDGRID_BODY, sendgrid_headers(SENDGRID_BODY, NOW - 80_000))
    assert accepted("SENDGRID", old, SENDGRID)
    assert rejected("SENDGRID", old, SENDGRID, {"tolerance": 600})
    assert rejected("SENDGRID", inbound(SENDGRID_BODY, sendgrid_headers(SENDGRID_BODY, NOW - 86_401)), SENDGRID)


def test_another_key_or_another_curve_is_rejected_for_sendgrid() -> None:
    other = sendgrid_headers(SENDGRID_BODY, key=ec.generate_private_key(ec.SECP256R1()))
    assert rejected("SENDGRID", inbound(SENDGRID_BODY, other), SENDGRID)
    key = ec.generate_private_key(ec.SECP384R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    request = inbound(SENDGRID_BODY, sendgrid_headers(SENDGRID_BODY, key=key))
    assert rejected("SENDGRID", request, {"webhookPublicKey": base64.b64encode(der).decode()})


# Twilio

TWILIO = {"authToken": "12345"}
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_published_example_of_twilio_is_accepted() -> None:
    headers = FORM | {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    assert accepted("TWILIO", inbound(urlencode(CALL).encode(), headers, TWILIO_URL), TWILIO)


@pytest.mark.parametrize(
    ("signed", "reached"),
    [
        ("https://h.example:443/w", "https://h.example/w"),
        ("https://h.example/w", "https://h.example:443/w"),
        ("http://h.example:8080/w", "http://h.example:8080/w"),
        ("http://h.example/w", "http://h.example:8080/w"),
    ],
)
def test_twilio_may_sign_the_url_with_or_without_the_port(signed: str, reached: str) -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    headers = FORM | {"X-Twilio-Signature": RequestValidator("12345").compute_signature(signed, fields)}
    events = accepted("TWILIO", inbound(urlencode(fields).encode(), headers, reached), TWILIO)
    assert [(event.id, event.type) for event in events] == [("SM1:delivered", "delivered")]


def test_repeated_fields_are_signed_as_by_twilios_library() -> None:
    from werkzeug.datastructures import MultiDict

    pairs = [("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b"), ("Empty", "")]
    signature = RequestValidator("12345").compute_signature(URL, MultiDict(pairs))
    headers = FORM | {"X-Twilio-Signature": signature}
    assert accepted("TWILIO", inbound(urlencode(pairs).encode(), headers), TWILIO)


def test_a_json_body_of_twilio_must_match_its_hash_in_the_url() -> None:
    body = b'{"MessageStatus": "sent"}'
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Signature": RequestValidator("12345").compute_signature(url, {}),
        "I-Twilio-Idempotency-Token": "token-1",
    }
    assert accepted("TWILIO", inbound(body, headers, url), TWILIO)[0].id == "token-1"
    assert rejected("TWILIO", inbound(b'{"MessageStatus": "x"}', headers, url), TWILIO)


def test_a_json_body_of_twilio_without_its_hash_is_rejected() -> None:
    headers = {"X-Twilio-Signature": RequestValidator("12345").compute_signature(URL, {})}
    for content_type in ("application/json", ""):
        request = inbound(b'{"a": 1}', headers | {"Content-Type": content_type})
        assert "bodySHA256" in rejected("TWILIO", request, TWILIO)


# Slack

SLACK = {"signingSecret": "8f742231b10e8888abcd99yyyzzz85a5"}
SLACK_BODY = b'{"event_id": "Ev1", "type": "event_callback", "event": {"type": "app_mention"}}'


def slack_headers(body: bytes, timestamp: int = NOW) -> dict[str, str]:
    signature = SignatureVerifier(SLACK["signingSecret"]).generate_signature(timestamp=str(timestamp), body=body)
    assert signature
    return {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(timestamp)}


def test_a_signature_of_slacks_library_is_accepted() -> None:
    events = accepted("SLACK", inbound(SLACK_BODY, slack_headers(SLACK_BODY)), SLACK)
    assert events == [ReceivedEvent("Ev1", "app_mention", SLACK_BODY)]


@pytest.mark.parametrize("offset", [-301, 301])
def test_slack_is_rejected_outside_five_minutes_in_both_directions(offset: int) -> None:
    assert rejected("SLACK", inbound(SLACK_BODY, slack_headers(SLACK_BODY, NOW + offset)), SLACK)


def test_slacks_handshake_stores_nothing_and_returns_the_challenge() -> None:
    body = b'{"type": "url_verification", "challenge": "3eZbrw1aB"}'
    request = inbound(body, slack_headers(body))
    assert accepted("SLACK", request, SLACK) == []
    reply = PROVIDERS["SLACK"].build_reply(request)
    assert reply and json.loads(reply[0]) == {"challenge": "3eZbrw1aB"}


# Standard Webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example in the specification
WEBHOOK_EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_published_example_of_standard_webhooks_is_accepted() -> None:
    request = inbound(b'{"test": 2432232314}', WEBHOOK_EXAMPLE, now=1614265330)
    assert accepted("WEBHOOK", request, {"secret": SECRET})[0].id == WEBHOOK_EXAMPLE["webhook-id"]


@pytest.mark.parametrize("library", [Webhook, SvixWebhook])
def test_a_signature_of_the_standard_webhooks_libraries_is_accepted(library: Any) -> None:
    from datetime import UTC, datetime

    body = '{"type": "order.paid", "näme": 1}'
    signature = library(SECRET).sign("msg_1", datetime.fromtimestamp(NOW, UTC), body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": f"v1,bad {signature}"}
    events = accepted("WEBHOOK", inbound(body.encode(), headers), {"secret": SECRET})
    assert events == [ReceivedEvent("msg_1", "order.paid", body.encode())]


@pytest.mark.parametrize("offset", [-301, 301])
def test_standard_webhooks_are_rejected_outside_five_minutes_in_both_directions(offset: int) -> None:
    request = inbound(b'{"test": 2432232314}', WEBHOOK_EXAMPLE, now=1614265330 + offset)
    assert "tolerance" in rejected("WEBHOOK", request, {"secret": SECRET})


def test_an_ed25519_signature_is_accepted_by_its_public_key_alone() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    secret = "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(key.sign(b"m." + str(NOW).encode() + b".{}")).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW)}
    good = headers | {"webhook-signature": f"v1,AAAA v1a,AAAA v1a,{signature}"}
    assert accepted("WEBHOOK", inbound(b"{}", good), {"secret": secret})
    assert rejected("WEBHOOK", inbound(b"{ }", good), {"secret": secret})
    # The public key is public: it must never serve as the secret of an HMAC.
    forged = hmac.new(base64.b64decode(secret[5:]), f"m.{NOW}.{{}}".encode(), "sha256").digest()
    bad = headers | {"webhook-signature": "v1," + base64.b64encode(forged).decode()}
    assert rejected("WEBHOOK", inbound(b"{}", bad), {"secret": secret})


# Custom

GITHUB = {"verify": {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}}
GITHUB_SECRET = {"secret": "It's a Secret to Everybody"}
GITHUB_HEADERS = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}


def test_the_published_example_of_github_is_accepted_as_a_custom_provider() -> None:
    request = inbound(b"Hello, World!", GITHUB_HEADERS)
    events = accepted("CUSTOM", request, GITHUB_SECRET, GITHUB)
    assert events[0].content == "sha256:" + hashlib.sha256(b"Hello, World!").hexdigest()
    assert str(events[0].id).startswith(f"{events[0].content}@")
    assert rejected("CUSTOM", inbound(b"Hello, World?", GITHUB_HEADERS), GITHUB_SECRET, GITHUB)


def test_a_custom_provider_without_configuration_is_rejected() -> None:
    assert rejected("CUSTOM", inbound(b"Hello, World!", GITHUB_HEADERS), GITHUB_SECRET)
    assert not PROVIDERS["CUSTOM"].can_verify(GITHUB_SECRET, {})


def test_a_custom_template_is_filled_in_one_pass_and_its_timestamp_is_checked() -> None:
    rule = {
        "scheme": "hmac",
        "header": "X-Sig",
        "algorithm": "sha512",
        "encoding": "base64",
        "template": "{timestamp}.{body}",
        "timestampHeader": "X-Time",
        "tolerance": 10,
        "idPath": "data.0.id",
        "typePath": "header:X-Event",
    }
    body = b'{"data": [{"id": 7}], "trap": "{timestamp}"}'
    raw = hmac.new(b"s", str(NOW).encode() + b"." + body, hashlib.sha512).digest()
    headers = {"X-Sig": base64.b64encode(raw).decode(), "X-Time": str(NOW), "X-Event": "ping"}
    events = accepted("CUSTOM", inbound(body, headers), {"secret": "s"}, {"verify": rule})
    assert events == [ReceivedEvent("7", "ping", body)]
    assert rejected("CUSTOM", inbound(body, headers, now=NOW + 11), {"secret": "s"}, {"verify": rule})


@pytest.mark.parametrize("offset", [-3, 2, 5])
def test_a_small_tolerance_allows_for_clocks_that_differ(offset: int) -> None:
    rule = {"scheme": "hmac", "header": "X-Sig", "template": "{timestamp}{body}", "timestampHeader": "X-Time"}
    signature = hmac.new(b"s", f"{NOW}x".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Sig": signature, "X-Time": str(NOW)}
    config = {"verify": rule | {"tolerance": 1}}
    assert accepted("CUSTOM", inbound(b"x", headers, now=NOW + offset), {"secret": "s"}, config)
    assert rejected("CUSTOM", inbound(b"x", headers, now=NOW + 6), {"secret": "s"}, config)


def test_a_custom_token_and_basic_credentials_are_compared_whole() -> None:
    token = {"verify": {"scheme": "token", "header": "Authorization", "prefix": "Bearer "}}
    assert accepted("CUSTOM", inbound(b"x", {"Authorization": "Bearer t0k"}), {"token": "t0k"}, token)
    assert rejected("CUSTOM", inbound(b"x", {"Authorization": "Bearer t0k "}), {"token": "t0k"}, token)
    basic = {"verify": {"scheme": "basic"}}
    secrets = {"username": "u", "password": "p:q"}
    good = {"Authorization": "Basic " + base64.b64encode(b"u:p:q").decode()}
    assert accepted("CUSTOM", inbound(b"x", good), secrets, basic)
    bad = {"Authorization": "Basic " + base64.b64encode(b"u:p").decode()}
    assert rejected("CUSTOM", inbound(b"x", bad), secrets, basic)
