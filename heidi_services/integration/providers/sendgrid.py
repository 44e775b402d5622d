"""SendGrid's event webhook, signed with ECDSA (see `webhook_verification`). One request carries many events."""

import json
from collections.abc import Mapping, Sequence

from marshmallow import fields, validate

from heidi_common.crypto import webhook_verification
from heidi_common.schemas.base import Schema
from heidi_services.integration.providers import base

API = "https://api.sendgrid.com"
MAX_TOLERANCE_SECONDS = 7 * 86400


class SendGridConfig(Schema):
    tolerance = fields.Integer(
        strict=True,
        validate=validate.Range(1, MAX_TOLERANCE_SECONDS),
        metadata={"description": "By how many seconds the time of a signature may differ from that of receipt."},
    )


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
    description="Delivery and engagement events of e-mails (Event Webhook).",
    credential_names=("apiKey", "webhookPublicKey"),
    can_verify=base.requires("webhookPublicKey"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    config_schema=SendGridConfig,
    signature_timestamp=base.header_timestamp(webhook_verification.SENDGRID_TIMESTAMP_HEADER),
    find_errors=find_errors,
    probe_request=probe_request,
)
