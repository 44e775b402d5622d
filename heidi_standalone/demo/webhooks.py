"""A webhook from Stripe comes in; the fact of it goes out to a `webhookUrl`, signed."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from heidi_standalone.api_client import Failed
from heidi_standalone.demo.accounts import Person
from heidi_standalone.demo.polling import wait_for
from heidi_standalone.demo.terminal import Screen
from heidi_standalone.demo.webhook_listener import Delivery, listening, stripe_signature


def in_and_out(screen: Screen, person: Person) -> None:
    with listening() as (url, received):
        integration, stripe_secret = _integrate(screen, person, url)
        event_id = _from_stripe(screen, person, integration["id"], stripe_secret)
        _to_listener(screen, received, integration)
        with screen.step("Look it up") as tell:
            events = person.api.get(f"/integrations/{integration['id']}/events")
            if [event["providerEventId"] for event in events] != [event_id]:
                raise Failed(f"the integration's events are {events}")
            tell(f"GET /integrations/.../events lists {event_id}, once")


def _integrate(screen: Screen, person: Person, url: str) -> tuple[Any, str]:
    secret = f"whsec_{secrets.token_hex(16)}"
    body = {
        "provider": "STRIPE",
        "name": "Demonstration",
        "webhookUrl": url,
        "config": {"eventTypes": ["integration.webhook"]},
        "credentials": {"webhookSecret": secret},
    }
    with screen.step("Make a Stripe integration") as tell:
        made = person.api.post("/integrations", body)
        tell(f"forwards integration.webhook to {url}")
    return made, secret


def _from_stripe(screen: Screen, person: Person, integration_id: str, secret: str) -> str:
    """The real one, a repetition and a forgery."""
    event_id = f"evt_{secrets.token_hex(8)}"
    body = json.dumps(
        {"id": event_id, "type": "payment_intent.succeeded", "data": {"object": {"amount": 4200}}}
    ).encode()
    now = int(time.time())
    with screen.step("A signed Stripe webhook comes in") as tell:
        signatures = {
            "genuine": stripe_signature(secret, body, now),
            "repeated": stripe_signature(secret, body, now),
            "forged": stripe_signature("whsec_of_somebody_else", body, now),
        }
        answers = {
            name: person.api.post_raw(
                f"/webhooks/stripe/{integration_id}",
                body,
                {"Content-Type": "application/json", "Stripe-Signature": signature},
            ).status_code
            for name, signature in signatures.items()
        }
        if answers != {"genuine": 200, "repeated": 200, "forged": 401}:
            raise Failed(f"it was answered {answers}")
        tell(", ".join(f"{name} {status}" for name, status in answers.items()))
    return event_id


def _to_listener(screen: Screen, received: list[Delivery], integration: Any) -> None:
    with screen.step("The fact is forwarded, signed") as tell:
        delivery = wait_for(lambda: received[0] if received else None, "The forwarded fact")
        fact = delivery.data()
        if fact["data"].get("integrationId") != integration["id"]:
            raise Failed(f"something else was forwarded: {fact}")
        if not delivery.is_signed_with(integration["signingSecret"]):
            raise Failed("the Standard Webhooks signature does not fit")
        if delivery.is_signed_with("whsec_" + "A" * 44):
            raise Failed("the signature fits any secret")
        tell(f"{fact['type']}, signature good, webhook-id {delivery.headers['webhook-id']}")
