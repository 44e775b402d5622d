"""From facts to deliveries: who wants to hear of this?

The relay asks `interested` before it makes inbox rows, so that a fact nobody wants costs one query for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, or_, select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import matches
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.webhook_client import message

Target = Row[UUID, UUID, Role, Any]


def interested(events: Iterable[OutboxEvent]) -> set[UUID]:
    """The ids of those facts that at least one integration wants forwarded."""
    events = list(events)
    targets = _targets({event.user_id for event in events})
    return {event.id for event in events if any(_wants(target, event) for target in targets)}


def forward(event: OutboxEvent) -> list[UUID]:
    """One delivery for each integration that wants the fact, in the caller's transaction; their ids."""
    wanted = [target.id for target in _targets({event.user_id}) if _wants(target, event)]
    return queue(wanted, [event], hinted_until=utcnow() + HINT_LEASE)


def queue(integration_ids: Sequence[UUID], events: Sequence[OutboxEvent], *, hinted_until: datetime) -> list[UUID]:
    """What is under way already, or was delivered, is left alone. Integrations that are just being removed drop out."""
    alive = _lock_alive(integration_ids)
    rows = [
        {
            "id": uuid7(),
            "integration_id": integration_id,
            "event_id": event.id,
            "event_type": event.type,
            "body": _body(event),
            "hinted_until": hinted_until,
        }
        for event in events
        for integration_id in alive
    ]
    if not rows:
        return []
    statement = insert(Delivery).values(rows).on_conflict_do_nothing(index_elements=["integration_id", "event_id"])
    with transaction():
        return list(db.session.scalars(statement.returning(Delivery.id)))


def _lock_alive(integration_ids: Sequence[UUID]) -> list[UUID]:
    """A key share lock: an integration deleted in between would make the whole insert fail."""
    found = select(Integration.id).where(Integration.id.in_(integration_ids)).order_by(Integration.id)
    return list(db.session.scalars(found.with_for_update(read=True, key_share=True)))


def _targets(user_ids: set[UUID | None]) -> Sequence[Target]:
    """Endpoints of ADMINs, and of the people that these facts are about."""
    statement = (
        select(Integration.id, Integration.user_id, Integration.owner_role, Integration.config["eventTypes"])
        .where(Integration.is_active, Integration.owner_active, Integration.webhook_url.is_not(None))
        .where(Integration.config.has_key("eventTypes"))
        .where(or_(Integration.owner_role == Role.ADMIN, Integration.user_id.in_(user_ids - {None})))
    )
    return db.session.execute(statement).all()


def _wants(target: Target, event: OutboxEvent) -> bool:
    _, user_id, owner_role, patterns = target
    if not may_hear(owner_role, user_id, event.user_id):
        return False
    # The relay depends on this: one row with something else in it must not stop the bus.
    return isinstance(patterns, list) and any(matches(str(pattern), event.type) for pattern in patterns)


def may_hear(owner_role: Role, owner: UUID, about: UUID | None) -> bool:
    """A USER's integration hears only what is about that user."""
    return owner_role == Role.ADMIN or owner == about


def about(body: str) -> UUID | None:
    """Whom a delivery is about: its fact may be gone, what was written of it stays."""
    found = orjson.loads(body)["data"].get("userId")
    return UUID(found) if found else None


def _body(event: OutboxEvent) -> str:
    whom = {"userId": str(event.user_id)} if event.user_id else {}
    return message(event.type, event.created_at, {**event.data, **whom})
