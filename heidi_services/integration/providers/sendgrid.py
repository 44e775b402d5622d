"""SendGrid: ECDSA P-256 / SHA-256 over `timestamp + body`; one request carries many events.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import json
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Received,
    Refused,
    digest_of,
    needs,
    octets,
    require_fresh,
    text,
)

API = "https://api.sendgrid.com"
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
# SendGrid repeats the same signed request for 24 hours, so a narrow window would refuse its retries.
TOLERANCE = 24 * 3600


def _public_key(encoded: str) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(base64.b64decode(encoded, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("the public key is not on the curve P-256")
    return key


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    timestamp = inbound.header(TIMESTAMP)
    require_fresh(timestamp, inbound.now, config.get("tolerance", TOLERANCE))
    signature = base64.b64decode(octets(inbound.header(SIGNATURE)), validate=True)
    # The body keeps its trailing CRLF: it is part of what was signed.
    _public_key(credentials["webhookPublicKey"]).verify(signature, octets(timestamp) + inbound.body, ec.ECDSA(SHA256()))


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    found = json.loads(inbound.body)
    return [_event(event) for event in (found if isinstance(found, list) else [found])]


def _event(event: dict[str, object]) -> Received:
    body = json.dumps(event, separators=(",", ":")).encode()
    return Received(text(event.get("sg_event_id")) or digest_of(body), text(event.get("event")) or "unknown", body)


def flaws(credentials: Credentials, config: Config) -> Mapping[str, str]:
    try:
        if "webhookPublicKey" in credentials:
            _public_key(credentials["webhookPublicKey"])
    except Exception:
        return {"credentials/webhookPublicKey": "Not a base64 DER public key on the curve P-256."}
    return {}


def probe(credentials: Credentials) -> Call | None:
    if not credentials.get("apiKey"):
        return None
    return Call("GET", f"{API}/v3/scopes", {"Authorization": f"Bearer {credentials['apiKey']}"})


PROVIDER = Provider(
    name="SENDGRID",
    credentials=frozenset({"apiKey", "webhookPublicKey"}),
    opened_by=needs("webhookPublicKey"),
    verify=verify,
    events=events,
    flaws=flaws,
    probe=probe,
)
