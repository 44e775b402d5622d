"""What was received: seen again, said again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_common.messaging.events import IntegrationWebhook
from heidi_common.messaging.outbox import emit
from heidi_common.problems import NotFound
from heidi_services.integration.models import Integration, WebhookEvent

KEPT = timedelta(days=90)
"""Longer than any provider repeats an event, or a synchronisation looks back: what is forgotten would be new again."""


def listed(integration_id: UUID, query: dict[str, Any]) -> Page:
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


def replay(integration: Integration, event_id: UUID) -> WebhookEvent:
    """Say the fact once more: subscribers and forwards see it as a new one that is about the same event."""
    with transaction():
        event = db.session.get(WebhookEvent, event_id)
        if event is None or event.integration_id != integration.id:
            raise NotFound("This integration received no such event.")
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


def prune(now: datetime | None = None) -> None:
    """Events that were received long ago go."""
    delete_in_batches(WebhookEvent, WebhookEvent.created_at < (now or utcnow()) - KEPT)
