"""Forward events: create a delivery for each integration that subscribes to an event.

The relay calls `filter_forwardable` before it creates inbox rows, so that events without a subscribed integration cost
one query for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, or_, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import matches
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.deliveries.webhook_client import build_payload


class Endpoint(NamedTuple):
    """An active integration that receives events. `patterns` should be a list, but any JSON may be stored."""

    id: UUID
    user_id: UUID
    owner_role: str
    patterns: Any


def filter_forwardable(events: Iterable[OutboxEvent]) -> set[UUID]:
    """The IDs of the events to which at least one integration subscribes."""
    events = list(events)
    endpoints = _find_endpoints({event.user_id for event in events})
    return {event.id for event in events if any(_subscribes(endpoint, event) for endpoint in endpoints)}


def forward_event(event: OutboxEvent) -> list[UUID]:
    """Create a delivery for each integration that subscribes to the event, in the caller's transaction.

    Returns:
        The IDs of the new deliveries. The caller wakes a worker for each of them.
    """
    endpoints = _find_endpoints({event.user_id})
    subscribed = [endpoint.id for endpoint in endpoints if _subscribes(endpoint, event)]
    return enqueue_deliveries(subscribed, [event], hinted_until=utcnow() + HINT_LEASE)


def enqueue_deliveries(
    integration_ids: Sequence[UUID], events: Sequence[OutboxEvent], *, hinted_until: datetime
) -> list[UUID]:
    """Create a delivery for each pair of integration and event that has none.

    Args:
        integration_ids: The receiving integrations. Those that have been deleted are ignored.
        events: The events to forward.
        hinted_until: Until then the clock does not report the deliveries, because the caller wakes the workers.

    Returns:
        The IDs of the new deliveries.
    """
    existing_ids = _lock_existing(integration_ids)
    rows = [
        {
            "id": uuid7(),
            "integration_id": integration_id,
            "event_id": event.id,
            "event_type": event.type,
            "body": build_body(event),
            "hinted_until": hinted_until,
        }
        for event in events
        for integration_id in existing_ids
    ]
    if not rows:
        return []
    statement = insert(Delivery).values(rows).on_conflict_do_nothing(index_elements=["integration_id", "event_id"])
    with transaction():
        return list(db.session.scalars(statement.returning(Delivery.id)))


def _lock_existing(integration_ids: Sequence[UUID]) -> list[UUID]:
    """The key share lock prevents a concurrent deletion, which would make the whole insert fail."""
    statement = select(Integration.id).where(Integration.id.in_(integration_ids)).order_by(Integration.id)
    return list(db.session.scalars(statement.with_for_update(read=True, key_share=True)))


def _find_endpoints(user_ids: set[UUID | None]) -> list[Endpoint]:
    """The active endpoints of ADMINs, and of the users that the events are about."""
    rows = _endpoints_statement().all(user_ids=list(user_ids - {None}))
    return [Endpoint(row.id, row.user_id, row.owner_role, orjson.loads(row.patterns)) for row in rows]


@cache
def _endpoints_statement() -> CompiledStatement:
    """Built once: the relay executes it for each batch, however small."""
    owners = bindparam("user_ids", type_=ARRAY(Uuid))
    return CompiledStatement(
        select(
            Integration.id,
            Integration.user_id,
            Integration.owner_role,
            sql_cast(Integration.config["eventTypes"], Text).label("patterns"),
        )
        .where(Integration.is_active, Integration.owner_active, Integration.webhook_url.is_not(None))
        .where(Integration.config.has_key("eventTypes"))
        .where(or_(Integration.owner_role == Role.ADMIN.value, Integration.user_id == any_(owners)))
    )


def _subscribes(endpoint: Endpoint, event: OutboxEvent) -> bool:
    _, user_id, owner_role, patterns = endpoint
    if not _may_receive(owner_role, user_id, event.user_id):
        return False
    # The relay depends on this function: one row with an unexpected value must not stop the relay.
    return isinstance(patterns, list) and any(matches(str(pattern), event.type) for pattern in patterns)


def _may_receive(owner_role: str, owner_id: UUID, about_user: UUID | None) -> bool:
    """ADMINs receive all events; other users receive only the events about themselves."""
    return owner_role == Role.ADMIN or owner_id == about_user


def may_still_receive(integration: Integration, body: str) -> bool:
    """Check the owner's role again before an attempt.

    The user is read from the body of the delivery, because the event itself may have been deleted.
    """
    user_id = orjson.loads(body)["data"].get("userId")
    return may_receive(integration, UUID(user_id) if user_id else None)


def may_receive(integration: Integration, about_user: UUID | None) -> bool:
    """Whether the owner of an integration may receive events about a user."""
    return _may_receive(integration.owner_role, integration.user_id, about_user)


def build_body(event: OutboxEvent) -> str:
    """The body of the deliveries of an event."""
    about_user = {"userId": str(event.user_id)} if event.user_id else {}
    return build_payload(event.type, event.created_at, {**event.data, **about_user})
