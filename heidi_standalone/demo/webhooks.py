"""Webhooks in the demonstration: one arrives from Stripe, and the event is forwarded to a `webhookUrl`, signed."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from heidi_standalone.api_client import StepFailed
from heidi_standalone.demo.accounts import DemoUser
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Terminal
from heidi_standalone.demo.webhook_listener import ReceivedWebhook, listen, stripe_signature


def receive_and_forward(terminal: Terminal, user: DemoUser) -> str:
    """Create an integration, send it webhooks, and check what it forwards and lists; return its ID."""
    with listen() as (url, received):
        integration, stripe_secret = _create_integration(terminal, user, url)
        event_id = _send_webhooks(terminal, user, integration["id"], stripe_secret)
        _check_forwarded(terminal, received, integration)
        with terminal.step("List the integration's events") as report:
            events = user.api.get(f"/integrations/{integration['id']}/events")
            if [event["providerEventId"] for event in events] != [event_id]:
                raise StepFailed(f"Expected the event {event_id} once, got {events}.")
            report(f"GET /integrations/.../events lists {event_id} once")
    return str(integration["id"])


def _create_integration(terminal: Terminal, user: DemoUser, url: str) -> tuple[Any, str]:
    secret = f"whsec_{secrets.token_hex(16)}"
    body = {
        "provider": "STRIPE",
        "name": "Demonstration",
        "webhookUrl": url,
        "config": {"eventTypes": ["integration.webhook"]},
        "credentials": {"webhookSecret": secret},
    }
    with terminal.step("Create a Stripe integration") as report:
        integration = user.api.post("/integrations", body)
        report(f"forwards integration.webhook to {url}")
    return integration, secret


def _send_webhooks(terminal: Terminal, user: DemoUser, integration_id: str, secret: str) -> str:
    """Send a webhook, the same one again, and one with a wrong signature."""
    event_id = f"evt_{secrets.token_hex(8)}"
    event = {"id": event_id, "type": "payment_intent.succeeded", "data": {"object": {"amount": 4200}}}
    body, now = json.dumps(event).encode(), int(time.time())
    signatures = {
        "genuine": stripe_signature(secret, body, now),
        "repeated": stripe_signature(secret, body, now),
        "forged": stripe_signature("whsec_of_another_account", body, now),
    }
    with terminal.step("Send it Stripe webhooks") as report:
        statuses = {name: _send(user, integration_id, body, signature) for name, signature in signatures.items()}
        if statuses != {"genuine": 200, "repeated": 200, "forged": 401}:
            raise StepFailed(f"Expected 200 for genuine and repeated webhooks and 401 for forged ones, got {statuses}.")
        report(", ".join(f"{name} {status}" for name, status in statuses.items()))
    return event_id


def _send(user: DemoUser, integration_id: str, body: bytes, signature: str) -> int:
    headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
    return user.api.post_raw(f"/webhooks/stripe/{integration_id}", body, headers).status_code


def _check_forwarded(terminal: Terminal, received: list[ReceivedWebhook], integration: Any) -> None:
    with terminal.step("Receive the forwarded event, signed") as report:
        webhook = wait_for(lambda: received[0] if received else None, "The forwarded event")
        event = webhook.data()
        if event["data"].get("integrationId") != integration["id"]:
            raise StepFailed(f"Another event was forwarded: {event}")
        if not webhook.is_signed_with(integration["signingSecret"]):
            raise StepFailed("The Standard Webhooks signature is invalid.")
        if webhook.is_signed_with("whsec_" + "A" * 44):
            raise StepFailed("The signature matches any secret.")
        report(f"{event['type']}, valid signature, webhook-id {webhook.headers['webhook-id']}")
