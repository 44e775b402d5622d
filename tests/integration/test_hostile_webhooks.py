"""Hostile webhooks are rejected with InvalidSignature: they are never accepted and raise nothing else."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heidi_common.crypto.webhook_verification import InvalidSignature
from heidi_services.integration import webhook_signing
from heidi_services.integration.providers.base import InboundWebhook
from heidi_services.integration.providers.inbound import verify_and_parse
from heidi_services.integration.providers.registry import PROVIDERS

NOW = 1_800_000_000
CREDENTIALS: dict[str, dict[str, str]] = {
    "STRIPE": {"webhookSecret": "whsec_x"},
    "SENDGRID": {"webhookPublicKey": "bm90IGEga2V5"},
    "TWILIO": {"authToken": "t"},
    "SLACK": {"signingSecret": "s"},
    "META": {"appSecret": "s"},
    "WEBHOOK": {"secret": webhook_signing.generate_secret()},
    "CUSTOM": {"secret": "s"},
}
CONFIG: dict[str, Any] = {"verify": {"scheme": "hmac", "header": "X-Sig"}}
HEADERS = {
    "STRIPE": ["stripe-signature"],
    "SENDGRID": ["x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"],
    "TWILIO": ["x-twilio-signature", "content-type"],
    "SLACK": ["x-slack-signature", "x-slack-request-timestamp"],
    "META": ["x-hub-signature-256"],
    "WEBHOOK": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "CUSTOM": ["x-sig"],
}
VALUES = st.one_of(
    st.text(),
    st.sampled_from(
        [str(NOW), f"t={NOW},v1=\u00ff", f"t={'9' * 5000},v1=a", "v0=\ud800", "v1,", "v1a,====", "\u0661" * 10, "²"]
    ),
)


@pytest.mark.parametrize("name", PROVIDERS)
@given(data=st.data())
def test_hostile_headers_and_bodies_raise_only_invalid_signature(name: str, data: st.DataObject) -> None:
    headers = {header: data.draw(VALUES) for header in HEADERS[name]}
    url = "https://h.example/w" + data.draw(st.sampled_from(["", "?bodySHA256=\u00e9", "?bodySHA256=", "?a=%ff"]))
    request = InboundWebhook(data.draw(st.binary(max_size=200)), headers, url, NOW)
    with pytest.raises(InvalidSignature):
        verify_and_parse(PROVIDERS[name], request, CREDENTIALS[name], CONFIG)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_webhook_without_headers_secret_or_body_is_rejected(name: str) -> None:
    request = InboundWebhook(b"", {}, "https://h.example/w", NOW)
    for credentials in ({}, CREDENTIALS[name]):
        with pytest.raises(InvalidSignature):
            verify_and_parse(PROVIDERS[name], request, credentials, {})


BODIES = [b"", b"\xff\xfe", b"null", b"7", b"[1]", b'"x"', b"{", b"[" * 100_000, b'{"id": {}, "type": []}', b"NaN"]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_a_signed_body_of_any_shape_is_one_storable_event(body: bytes) -> None:
    signature = hmac.new(b"whsec_x", f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    request = InboundWebhook(body, {"stripe-signature": f"t={NOW},v1={signature}"}, "https://h.example/w", NOW)
    [event] = verify_and_parse(PROVIDERS["STRIPE"], request, CREDENTIALS["STRIPE"], {})
    assert event.id == f"sha256:{hashlib.sha256(body).hexdigest()}@{NOW}"
    assert (event.type, event.body) == ("unknown", body)


@given(event_id=st.text(min_size=1), event_type=st.text())
def test_an_event_id_always_fits_the_database_and_is_the_same_each_time(event_id: str, event_type: str) -> None:
    import json

    body = json.dumps({"id": event_id, "type": event_type}).encode()
    signature = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    config = {"verify": {"scheme": "hmac", "header": "X-Sig", "idPath": "id", "typePath": "type"}}
    request = InboundWebhook(body, {"x-sig": signature}, "https://h.example/w", NOW)
    first, second = (verify_and_parse(PROVIDERS["CUSTOM"], request, {"secret": "s"}, config)[0] for _ in range(2))
    assert first == second
    for name in (first.id, first.type):
        assert 0 < len(name) <= 255
        assert "\0" not in name
        name.encode()


def test_a_secret_is_base64_of_32_random_bytes_and_unique() -> None:
    first, second = webhook_signing.generate_secret(), webhook_signing.generate_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
