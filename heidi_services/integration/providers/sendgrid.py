"""SendGrid's event webhook (`signatures`); one request carries many events."""

import json
from collections.abc import Mapping, Sequence

from heidi_common.crypto import webhook_signatures
from heidi_services.integration.providers.base import (
    Call,
    Config,
    Credentials,
    Inbound,
    Provider,
    Received,
    digest_of,
    needs,
    text,
)

API = "https://api.sendgrid.com"


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    webhook_signatures.verify_sendgrid(
        inbound.header(webhook_signatures.SENDGRID_SIGNATURE_HEADER),
        inbound.header(webhook_signatures.SENDGRID_TIMESTAMP_HEADER),
        body=inbound.body,
        key=credentials["webhookPublicKey"],
        now=inbound.now,
        tolerance=config.get("tolerance", webhook_signatures.SENDGRID_TOLERANCE_SECONDS),
    )


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    found = json.loads(inbound.body)
    return [_event(event) for event in (found if isinstance(found, list) else [found])]


def _event(event: dict[str, object]) -> Received:
    body = json.dumps(event, separators=(",", ":")).encode()
    return Received(text(event.get("sg_event_id")) or digest_of(body), text(event.get("event")) or "unknown", body)


def flaws(credentials: Credentials, config: Config) -> Mapping[str, str]:
    try:
        if "webhookPublicKey" in credentials:
            webhook_signatures.load_sendgrid_key(credentials["webhookPublicKey"])
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
