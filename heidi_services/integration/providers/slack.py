"""Slack: HMAC-SHA256 over `v0:{timestamp}:{body}`.

https://api.slack.com/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from heidi_common.crypto.webhook_signatures import header_bytes, verify_any_equal, verify_timestamp
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

API = "https://slack.com/api"
TOLERANCE_SECONDS = 300


def verify_signature(inbound: InboundWebhook, credentials: Credentials, config: Config) -> None:
    timestamp = inbound.header("X-Slack-Request-Timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE_SECONDS)
    signed = b"v0:" + timestamp.encode() + b":" + inbound.body
    expected = "v0=" + hmac.new(credentials["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    verify_any_equal(header_bytes(inbound.header("X-Slack-Signature")), expected.encode())


def _parse_message(inbound: InboundWebhook) -> dict[str, Any]:
    """The JSON object in the body; empty for slash commands and buttons, which are forms without event ID and type."""
    try:
        message = json.loads(inbound.body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def parse_events(inbound: InboundWebhook, config: Config) -> Sequence[ReceivedEvent]:
    message = _parse_message(inbound)
    if message.get("type") == "url_verification":
        return []
    event = message.get("event")
    event_type = event.get("type") if isinstance(event, dict) else message.get("type")
    event_id = id_or_type(message.get("event_id")) or content_hash(inbound.body)
    return [ReceivedEvent(event_id, id_or_type(event_type) or "unknown", inbound.body)]


def build_reply(inbound: InboundWebhook) -> tuple[bytes, str] | None:
    """Answer the handshake that Slack sends when a URL is configured. The signature has already been verified."""
    message = _parse_message(inbound)
    if message.get("type") != "url_verification":
        return None
    return json.dumps({"challenge": message.get("challenge")}).encode(), "application/json"


def probe_request(credentials: Credentials) -> ApiRequest | None:
    if not credentials.get("botToken"):
        return None
    return ApiRequest("POST", f"{API}/auth.test", {"Authorization": f"Bearer {credentials['botToken']}"})


def probe_succeeded(status: int, body: bytes) -> bool:
    """Slack responds with 200 to an invalid token; only `ok` in the body shows whether the token is valid."""
    return status == 200 and json.loads(body).get("ok") is True


PROVIDER = Provider(
    name="SLACK",
    credential_names=("botToken", "signingSecret"),
    can_verify=requires("signingSecret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    build_reply=build_reply,
    probe_request=probe_request,
    probe_succeeded=probe_succeeded,
)
