"""Stripe: HMAC-SHA256 over `{t}.{body}`, keyed with the whole `whsec_...` string.

https://docs.stripe.com/webhooks#verify-manually
"""

import hashlib
import hmac
import json
from collections.abc import Sequence

from heidi_common.crypto.webhook_signatures import InvalidSignature, header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration.providers.base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Pulled,
    Received,
    digest_of,
    needs,
    text,
)

API = "https://api.stripe.com"
TOLERANCE = 300


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    pairs = [part.strip().partition("=") for part in inbound.header("Stripe-Signature").split(",")]
    timestamp = next((value for name, _, value in pairs if name == "t"), "")
    verify_timestamp(timestamp, inbound.now, TOLERANCE)
    signed = timestamp.encode() + b"." + inbound.body
    expected = hmac.new(credentials["webhookSecret"].encode(), signed, hashlib.sha256).hexdigest()
    # Other schemes are ignored: accepting the test scheme v0 would be a downgrade.
    candidates = [header_bytes(value) for name, _, value in pairs if name == "v1"]
    if not candidates:
        raise InvalidSignature("no v1 signature")
    verify_any_equal(expected.encode(), *candidates)


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    return [_event(json.loads(inbound.body), inbound.body)]


def _event(event: dict[str, object], body: bytes) -> Received:
    return Received(text(event.get("id")) or digest_of(body), text(event.get("type")) or "unknown", body)


def _authorization(credentials: Credentials) -> dict[str, str]:
    return {"Authorization": f"Bearer {credentials['apiKey']}"}


def probe(credentials: Credentials) -> Call | None:
    if not credentials.get("apiKey"):
        return None
    return Call("GET", f"{API}/v1/account", _authorization(credentials))


def pull(credentials: Credentials, since: float, cursor: str | None) -> Call:
    """Stripe keeps events for 30 days: what a closed receiver missed is fetched here."""
    params = {"limit": "100", "created[gte]": str(int(since))}
    if cursor:
        params["starting_after"] = cursor
    return Call("GET", f"{API}/v1/events", _authorization(credentials), params)


def pulled(body: bytes) -> Pulled:
    page = json.loads(body)
    found = [_event(event, json.dumps(event).encode()) for event in page["data"]]
    return Pulled(found, found[-1].id if found and page.get("has_more") else None)


PROVIDER = Provider(
    name="STRIPE",
    credentials=frozenset({"apiKey", "webhookSecret"}),
    opened_by=needs("webhookSecret"),
    verify=verify,
    events=events,
    probe=probe,
    pull=pull,
    pulled=pulled,
)
