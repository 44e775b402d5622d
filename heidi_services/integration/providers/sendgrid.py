"""SendGrid's event webhook, signed with ECDSA (see `webhook_verification`). One request carries many events."""

import json
from collections.abc import Mapping, Sequence

from heidi_common.crypto import webhook_verification
from heidi_services.integration.providers import base

API = "https://api.sendgrid.com"


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    webhook_verification.verify_sendgrid(
        inbound.header(webhook_verification.SENDGRID_SIGNATURE_HEADER),
        inbound.header(webhook_verification.SENDGRID_TIMESTAMP_HEADER),
        body=inbound.body,
        key=credentials["webhookPublicKey"],
        now=inbound.now,
        tolerance=config.get("tolerance", webhook_verification.SENDGRID_TOLERANCE_SECONDS),
    )


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    content = json.loads(inbound.body)
    return [_event(event) for event in (content if isinstance(content, list) else [content])]


def _event(event: dict[str, object]) -> base.ReceivedEvent:
    body = json.dumps(event, separators=(",", ":")).encode()
    return base.received_event(event.get("sg_event_id"), event.get("event"), body)


def find_errors(credentials: base.Credentials, config: base.Config) -> Mapping[str, str]:
    try:
        if "webhookPublicKey" in credentials:
            webhook_verification.load_sendgrid_key(credentials["webhookPublicKey"])
    except Exception:
        return {"credentials/webhookPublicKey": "Must be a public key on the curve P-256, as base64-encoded DER."}
    return {}


def probe_request(credentials: base.Credentials) -> base.ApiRequest | None:
    if not credentials.get("apiKey"):
        return None
    return base.ApiRequest("GET", f"{API}/v3/scopes", {"Authorization": f"Bearer {credentials['apiKey']}"})


PROVIDER = base.Provider(
    name="SENDGRID",
    credential_names=("apiKey", "webhookPublicKey"),
    can_verify=base.requires("webhookPublicKey"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    find_errors=find_errors,
    probe_request=probe_request,
)
