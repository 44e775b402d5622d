"""List received events, and replay them for the subscribers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import IntegrationWebhook
from heidi_common.messaging.outbox import emit
from heidi_common.problems import NotFound
from heidi_services.integration.models import Integration, WebhookEvent


def list_events(integration_id: UUID, query: dict[str, Any]) -> Page:
    """A page of the events that an integration has received, newest first."""
    statement = select(WebhookEvent).where(WebhookEvent.integration_id == integration_id)
    if query.get("type") is not None:
        statement = statement.where(WebhookEvent.type == query["type"])
    return page(
        statement,
        order=WebhookEvent.created_at,
        descending=True,
        tiebreak=WebhookEvent.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
    )


def replay_event(integration: Integration, event_id: UUID) -> WebhookEvent:
    """Emit `integration.webhook` again for a received event. Subscribers and forwarding handle it as a new event.

    Raises:
        NotFound: The integration has not received this event.
    """
    with transaction():
        event = db.session.get(WebhookEvent, event_id)
        if event is None or event.integration_id != integration.id:
            raise NotFound("Event not found in this integration.")
        emit(
            IntegrationWebhook(
                id=event.id,
                integration_id=integration.id,
                about_user=integration.user_id,
                provider=integration.provider,
                provider_event_type=event.type,
            )
        )
    return event
