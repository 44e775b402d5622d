"""Recognize repetitions of events without a sender's ID by their bodies, within the time that the owner has set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, func, select

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_services.integration.models import WebhookEvent
from heidi_services.integration.providers.base import ReceivedEvent


def remove(integration_id: UUID, events: Sequence[ReceivedEvent], window: timedelta) -> list[ReceivedEvent]:
    """Leave out events without an ID whose body was stored within the window, or occurs earlier in `events`.

    The caller's transaction must insert the rest: until it ends, other requests for the same integration wait, so that
    two equal webhooks that arrive at the same time are one event.

    Args:
        integration_id: The receiving integration.
        events: The events of one request.
        window: How far to look back. If it is zero, all events stay.
    """
    if not window or all(event.content is None for event in events):
        return list(events)
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"repetitions:{integration_id}", 0))))
    remaining, seen = list[ReceivedEvent](), set[str]()
    for event in events:
        if event.content is not None:
            if event.content in seen or _is_stored(integration_id, event.content, window):
                continue
            seen.add(event.content)
        remaining.append(event)
    return remaining


def _is_stored(integration_id: UUID, content: str, window: timedelta) -> bool:
    """The ID of an event without a sender's ID begins with the hash of its body (`providers/inbound.py`)."""
    statement = exists().where(
        WebhookEvent.integration_id == integration_id,
        WebhookEvent.created_at > utcnow() - window,
        func.starts_with(WebhookEvent.provider_event_id, f"{content}@"),
    )
    return bool(db.session.scalar(select(statement)))
