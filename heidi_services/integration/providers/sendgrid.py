"""SendGrid's event webhook, signed with ECDSA (see `webhook_signatures`). One request carries many events."""

import json
from collections.abc import Mapping, Sequence

from heidi_common.crypto import webhook_signatures
from heidi_services.integration.providers.base import (
    ApiRequest,
    Config,
    Credentials,
    InboundWebhook,
    Provider,
    ReceivedEvent,
    content_hash,
    id_or_type,
    requires,
)

API = "https://api.sendgrid.com"


def verify_signature(inbound: InboundWebhook, credentials: Credentials, config: Config) -> None:
    webhook_signatures.verify_sendgrid(
        inbound.header(webhook_signatures.SENDGRID_SIGNATURE_HEADER),
        inbound.header(webhook_signatures.SENDGRID_TIMESTAMP_HEADER),
        body=inbound.body,
        key=credentials["webhookPublicKey"],
        now=inbound.now,
        tolerance=config.get("tolerance", webhook_signatures.SENDGRID_TOLERANCE_SECONDS),
    )


def parse_events(inbound: InboundWebhook, config: Config) -> Sequence[ReceivedEvent]:
    content = json.loads(inbound.body)
    return [_event(event) for event in (content if isinstance(content, list) else [content])]


def _event(event: dict[str, object]) -> ReceivedEvent:
    body = json.dumps(event, separators=(",", ":")).encode()
    event_id = id_or_type(event.get("sg_event_id")) or content_hash(body)
    return ReceivedEvent(event_id, id_or_type(event.get("event")) or "unknown", body)


def find_errors(credentials: Credentials, config: Config) -> Mapping[str, str]:
    try:
        if "webhookPublicKey" in credentials:
            webhook_signatures.load_sendgrid_key(credentials["webhookPublicKey"])
    except Exception:
        return {"credentials/webhookPublicKey": "Must be a public key on the curve P-256, as base64-encoded DER."}
    return {}


def probe_request(credentials: Credentials) -> ApiRequest | None:
    if not credentials.get("apiKey"):
        return None
    return ApiRequest("GET", f"{API}/v3/scopes", {"Authorization": f"Bearer {credentials['apiKey']}"})


PROVIDER = Provider(
    name="SENDGRID",
    credential_names=("apiKey", "webhookPublicKey"),
    can_verify=requires("webhookPublicKey"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    find_errors=find_errors,
    probe_request=probe_request,
)
