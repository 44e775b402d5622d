"""Slack: HMAC-SHA256 over `v0:{timestamp}:{body}`.

https://api.slack.com/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from heidi_common.crypto.webhook_verification import parse_form, verify_hex, verify_timestamp
from heidi_services.integration.providers import base

API = "https://slack.com/api"
TOLERANCE_SECONDS = 300


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    timestamp = inbound.header("X-Slack-Request-Timestamp")
    verify_timestamp(timestamp, inbound.now, TOLERANCE_SECONDS)
    signed = b"v0:" + timestamp.encode() + b":" + inbound.body
    digest = hmac.new(credentials["signingSecret"].encode(), signed, hashlib.sha256).hexdigest()
    verify_hex(inbound.header("X-Slack-Signature"), f"v0={digest}")


def _parse_message(inbound: base.InboundWebhook) -> dict[str, Any]:
    """The content of a request: a JSON event, an interaction (JSON in a form), or a slash command (a form).

    Returns:
        Empty if the body is none of these.
    """
    try:
        message = json.loads(inbound.body)
    except (ValueError, RecursionError):
        message = _parse_form(inbound.body)
    return message if isinstance(message, dict) else {}


def _parse_form(body: bytes) -> Any:
    try:
        form = {name: values[0] for name, values in parse_form(body).items()}
        return json.loads(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError):
        return {}


def _type(message: dict[str, Any]) -> object:
    """`app_mention` of an event, `block_actions` of an interaction, `slash_command` of a form."""
    event = message.get("event")
    if isinstance(event, dict):
        return event.get("type")
    return "slash_command" if "command" in message else message.get("type")


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    message = _parse_message(inbound)
    if message.get("type") == "url_verification" or "ssl_check" in message:
        return []
    return [base.received_event(message.get("event_id"), _type(message), inbound.body)]


def build_reply(inbound: base.InboundWebhook) -> base.Reply | None:
    """The response that Slack expects. The signature has already been verified.

    An empty body acknowledges an interaction or a slash command: Slack shows any text to the user, and reports an
    object without `response_action` as an error in the submitted dialog.

    Source: https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
    """
    message = _parse_message(inbound)
    if message.get("type") == "url_verification":
        return json.dumps({"challenge": message.get("challenge")}).encode(), "application/json"
    if message.get("type") == "block_suggestion":
        return b'{"options": []}', "application/json"
    return b"", "text/plain; charset=utf-8"


def probe_request(credentials: base.Credentials) -> base.ApiRequest | None:
    if not credentials.get("botToken"):
        return None
    return base.ApiRequest("POST", f"{API}/auth.test", {"Authorization": f"Bearer {credentials['botToken']}"})


def probe_succeeded(status: int, body: bytes) -> bool:
    """Slack responds with 200 to an invalid token; only `ok` in the body shows whether the token is valid."""
    return status == 200 and json.loads(body).get("ok") is True


PROVIDER = base.Provider(
    name="SLACK",
    description="Events, interactions and slash commands of a Slack app.",
    credential_names=("botToken", "signingSecret"),
    can_verify=base.requires("signingSecret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    signature_timestamp=base.header_timestamp("X-Slack-Request-Timestamp"),
    build_reply=build_reply,
    probe_request=probe_request,
    probe_succeeded=probe_succeeded,
)
