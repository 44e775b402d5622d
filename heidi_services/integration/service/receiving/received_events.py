"""Store received events, list them, and replay them for the subscribers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import IntegrationWebhook
from heidi_common.messaging.outbox import emit, emit_many
from heidi_common.problems import NotFound
from heidi_services.integration.models import Integration, WebhookEvent
from heidi_services.integration.providers.base import ReceivedEvent
from heidi_services.integration.service.receiving import repetitions


def store_events(integration: Integration, events: Sequence[ReceivedEvent]) -> int:
    """Store new events and emit `integration.webhook` for each of them, in one transaction.

    The unique constraint decides which events are new: a query beforehand could miss a concurrent insert. The rows are
    sorted, so that two equal batches cannot deadlock. Events without a sender's ID are also compared with those of the
    last `config.dedupeSeconds`.

    Returns:
        The number of new events.
    """
    with transaction():
        window = timedelta(seconds=integration.config.get("dedupeSeconds", 0))
        inserted = _insert(_rows(integration.id, repetitions.remove(integration.id, events, window)))
        emit_many((_build_event(integration, event_id, event_type), None, None) for event_id, event_type in inserted)
    return len(inserted)


def _rows(integration_id: UUID, events: Iterable[ReceivedEvent]) -> list[dict[str, object]]:
    return [
        {
            "id": uuid7(),
            "integration_id": integration_id,
            "provider_event_id": event.id,
            "type": event.type,
            "body": event.body,
        }
        for event in sorted(events, key=lambda event: str(event.id))
    ]


def _insert(rows: list[dict[str, object]]) -> list[tuple[UUID, str]]:
    """Insert the rows that are new; their IDs and types."""
    if not rows:
        return []
    statement = (
        insert(WebhookEvent)
        .on_conflict_do_nothing(index_elements=["integration_id", "provider_event_id"])
        .returning(WebhookEvent.id, WebhookEvent.type)
    )
    return [(row.id, row.type) for row in db.session.execute(statement, rows)]


def _build_event(integration: Integration, event_id: UUID, event_type: str) -> IntegrationWebhook:
    return IntegrationWebhook(
        id=event_id,
        integration_id=integration.id,
        about_user=integration.user_id,
        provider=integration.provider,
        provider_event_type=event_type,
    )


def list_events(integration_id: UUID, query: dict[str, Any]) -> Page:
    """A page of the events that an integration has received, newest first."""
    statement = select(WebhookEvent).where(WebhookEvent.integration_id == integration_id)
    filters = [] if query.get("type") is None else [WebhookEvent.type == query["type"]]
    return newest_first(statement, WebhookEvent, query, filters=filters)


def replay_event(integration: Integration, event_id: UUID) -> WebhookEvent:
    """Emit `integration.webhook` again for a received event. Subscribers and forwarding handle it as a new event.

    Raises:
        NotFound: The integration has not received this event.
    """
    with transaction():
        event = db.session.get(WebhookEvent, event_id)
        if event is None or event.integration_id != integration.id:
            raise NotFound("Event not found in this integration.")
        emit(_build_event(integration, event.id, event.type))
    return event
