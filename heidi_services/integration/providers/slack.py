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

API = "https://slack.com/api"
TOLERANCE = 300


def verify(inbound: Inbound, credentials: Credentials, config: Config) -> None:
    timestamp = inbound.header("X-Slack-Request-Timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE)
    signed = b"v0:" + timestamp.encode() + b":" + inbound.body
    expected = "v0=" + hmac.new(credentials["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    verify_any_equal(header_bytes(inbound.header("X-Slack-Signature")), expected.encode())


def _message(inbound: Inbound) -> dict[str, Any]:
    """Slash commands and buttons come as forms: they have no event id and no type of their own."""
    try:
        message = json.loads(inbound.body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def events(inbound: Inbound, config: Config) -> Sequence[Received]:
    message = _message(inbound)
    if message.get("type") == "url_verification":
        return []
    event = message.get("event")
    kind = event.get("type") if isinstance(event, dict) else message.get("type")
    return [Received(text(message.get("event_id")) or digest_of(inbound.body), text(kind) or "unknown", inbound.body)]


def reply(inbound: Inbound) -> tuple[bytes, str] | None:
    """The handshake when an address is entered at Slack; only reached after the signature was checked."""
    message = _message(inbound)
    if message.get("type") != "url_verification":
        return None
    return json.dumps({"challenge": message.get("challenge")}).encode(), "application/json"


def probe(credentials: Credentials) -> Call | None:
    if not credentials.get("botToken"):
        return None
    return Call("POST", f"{API}/auth.test", {"Authorization": f"Bearer {credentials['botToken']}"})


def answered(status: int, body: bytes) -> bool:
    """Slack says 200 to a wrong token; the truth is in the body."""
    return status == 200 and json.loads(body).get("ok") is True


PROVIDER = Provider(
    name="SLACK",
    credentials=frozenset({"botToken", "signingSecret"}),
    opened_by=needs("signingSecret"),
    verify=verify,
    events=events,
    reply=reply,
    probe=probe,
    answered=answered,
)
