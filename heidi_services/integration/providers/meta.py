"""Meta (WhatsApp, Instagram, Messenger, Facebook pages): HMAC-SHA256 of the body with the app's secret.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

from heidi_common.crypto.webhook_verification import verify_hex
from heidi_services.integration.providers import base, hub_challenge


def verify_signature(inbound: base.InboundWebhook, credentials: base.Credentials, config: base.Config) -> None:
    digest = hmac.new(credentials["appSecret"].encode(), inbound.body, hashlib.sha256).hexdigest()
    verify_hex(inbound.header("X-Hub-Signature-256"), f"sha256={digest}")


def parse_events(inbound: base.InboundWebhook, config: base.Config) -> Sequence[base.ReceivedEvent]:
    """One event: the IDs in the body are those of pages and accounts, not of events."""
    return [base.received_event(None, json.loads(inbound.body).get("object"), inbound.body)]


PROVIDER = base.Provider(
    name="META",
    description="WhatsApp, Instagram, Messenger and Facebook pages. The URL is verified with `verifyToken`.",
    credential_names=("appSecret", "verifyToken"),
    can_verify=base.requires("appSecret"),
    verify_signature=verify_signature,
    parse_events=parse_events,
    answer_challenge=hub_challenge.answer,
)
