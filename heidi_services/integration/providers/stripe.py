"""Stripe: HMAC-SHA256 over `{t}.{body}`, keyed with the whole `whsec_...` string.

https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import json
from collections.abc import Sequence

from heidi_common.crypto.webhook_verification import InvalidSignature, header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration.providers import base

API = "https://api.stripe.com"
TOLERANCE_SECONDS = 300


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    pairs = _signature_pairs(inbound)
    timestamp = _timestamp(pairs)
    verify_timestamp(timestamp, inbound.now, TOLERANCE_SECONDS)
    signed = timestamp.encode() + b"." + inbound.body
    expected = hmac.new(credentials["webhookSecret"].encode(), signed, hashlib.sha256).hexdigest()
    # Other schemes are ignored: accepting the test scheme v0 would be a downgrade.
    candidates = [header_bytes(value).lower() for name, value in pairs if name == "v1"]
    if not candidates:
        raise InvalidSignature("no v1 signature")
    verify_any_equal(expected.encode(), *candidates)


def _signature_pairs(inbound: base.InboundWebhook) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in inbound.header("Stripe-Signature").split(","))
    return [(name, value) for name, _, value in parts]


def _timestamp(pairs: Sequence[tuple[str, str]]) -> str:
    return next((value for name, value in pairs if name == "t"), "")


def signature_timestamp(inbound: base.InboundWebhook, config: base.Config) -> str | None:
    return _timestamp(_signature_pairs(inbound)) or None


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    return [_event(json.loads(inbound.body), inbound.body)]


def _event(event: dict[str, object], body: bytes) -> base.ReceivedEvent:
    return base.received_event(event.get("id"), event.get("type"), body)


def _authorization(credentials: base.Credentials) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials['apiKey']}"}


def probe_request(credentials: base.Credentials) -> base.ApiRequest | None:
    if not credentials.get("apiKey"):
        return None
    return base.ApiRequest("GET", f"{API}/v1/account", _authorization(credentials))


def event_page_request(credentials: base.Credentials, since: float, cursor: str | None) -> base.ApiRequest:
    """Stripe lists the events of the last 30 days, including those it could not deliver."""
    params = {"limit": "100", "created[gte]": str(int(since))}
    if cursor:
        params["starting_after"] = cursor
    return base.ApiRequest("GET", f"{API}/v1/events", _authorization(credentials), params)


def parse_event_page(body: bytes) -> base.EventPage:
    page = json.loads(body)
    events = [_event(event, json.dumps(event).encode()) for event in page["data"]]
    return base.EventPage(events, events[-1].id if events and page.get("has_more") else None)


PROVIDER = base.Provider(
    name="STRIPE",
    description="Events of payments. A synchronization also fetches those that were missed.",
    credential_names=("apiKey", "webhookSecret"),
    can_verify=base.requires("webhookSecret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    signature_timestamp=signature_timestamp,
    probe_request=probe_request,
    event_page_request=event_page_request,
    parse_event_page=parse_event_page,
)
