"""Slack: HMAC-SHA256 over `v0:{timestamp}:{body}`.

https://api.slack.com/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from heidi_common.crypto.webhook_verification import header_bytes, verify_any_equal, verify_timestamp
from heidi_services.integration.providers import base

API = "https://slack.com/api"
TOLERANCE_SECONDS = 300


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    timestamp = inbound.header("X-Slack-Request-Timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE_SECONDS)
    signed = b"v0:" + timestamp.encode() + b":" + inbound.body
    expected = "v0=" + hmac.new(credentials["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    verify_any_equal(header_bytes(inbound.header("X-Slack-Signature")), expected.encode())


def _parse_message(inbound: base.InboundWebhook) -> dict[str, Any]:
    """The JSON object in the body; empty for slash commands and buttons, which are forms without event ID and type."""
    try:
        message = json.loads(inbound.body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    message = _parse_message(inbound)
    if message.get("type") == "url_verification":
        return []
    event = message.get("event")
    event_type = event.get("type") if isinstance(event, dict) else message.get("type")
    return [base.received_event(message.get("event_id"), event_type, inbound.body)]


def build_reply(inbound: base.InboundWebhook) -> tuple[bytes, str] | None:
    """Answer the handshake that Slack sends when a URL is configured. The signature has already been verified."""
    message = _parse_message(inbound)
    if message.get("type") != "url_verification":
        return None
    return json.dumps({"challenge": message.get("challenge")}).encode(), "application/json"


def probe_request(credentials: base.Credentials) -> base.ApiRequest | None:
    if not credentials.get("botToken"):
        return None
    return base.ApiRequest("POST", f"{API}/auth.test", {"Authorization": f"Bearer {credentials['botToken']}"})


def probe_succeeded(status: int, body: bytes) -> bool:
    """Slack responds with 200 to an invalid token; only `ok` in the body shows whether the token is valid."""
    return status == 200 and json.loads(body).get("ok") is True


PROVIDER = base.Provider(
    name="SLACK",
    credential_names=("botToken", "signingSecret"),
    can_verify=base.requires("signingSecret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    build_reply=build_reply,
    probe_request=probe_request,
    probe_succeeded=probe_succeeded,
)
