"""Helpers for the tests of this service: create integrations by the API, sign as the providers do, publish events."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import func, update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import Event, UserUpdated
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_services.integration.models import Delivery
from heidi_services.integration.service.deliveries import delivery_worker, forwarding

API = "/api/v1/integrations"
STRIPE_SECRET = "whsec_test_secret"


def create_integration(client: FlaskClient, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Create an integration by the API; returns its `data`, including the secrets."""
    response = client.post(API, json={"provider": "WEBHOOK", "name": "Mine"} | fields, headers=headers)
    assert response.status_code == 201, response.json
    return dict(response.json["data"])


def stripe_headers(body: bytes, at: float | None = None) -> dict[str, str]:
    timestamp = int(at or time.time())
    signature = hmac.new(STRIPE_SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={timestamp},v1={signature}", "Content-Type": "application/json"}


def stripe_event(number: int = 1) -> bytes:
    return json.dumps({"id": f"evt_{number}", "type": "invoice.paid"}).encode()


def publish(event: Event) -> OutboxEvent:
    """Emit an event and mark it as sent, as the relay does."""
    with transaction():
        event_id = emit(event)
        db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event_id).values(sent_at=utcnow()))
    return db.session.get_one(OutboxEvent, event_id)


def user_updated(user_id: UUID, **fields: Any) -> UserUpdated:
    return UserUpdated(**({"id": user_id, "role": "USER", "is_active": True, "changed": ("role",)} | fields))


def forward(event: Event) -> list[UUID]:
    """Publish and forward an event as the subscriber does; returns the IDs of the deliveries."""
    with transaction():
        return forwarding.forward_event(publish(event))


def deliver(delivery_id: UUID) -> Delivery:
    """Make a delivery due, attempt it and return its row."""
    with transaction():
        due_now = {"next_attempt_at": func.now(), "locked_until": None}
        db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(due_now))
    delivery_worker.deliver(delivery_id)
    db.session.expire_all()
    return db.session.get_one(Delivery, delivery_id)


def some_id() -> UUID:
    return uuid7()
