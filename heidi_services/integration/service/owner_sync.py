"""What happens to people decides what their integrations may hear: a new role, a switched-off or deleted account."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Integration


def interested(events: Iterable[OutboxEvent]) -> set[UUID]:
    """Only facts about people who have integrations."""
    by_user = {event.user_id: set[UUID]() for event in events if event.user_id}
    for event in events:
        if event.user_id:
            by_user[event.user_id].add(event.id)
    owners = db.session.scalars(select(Integration.user_id).where(Integration.user_id.in_(by_user)).distinct())
    return {event_id for owner in owners for event_id in by_user[owner]}


def follow(event: OutboxEvent) -> None:
    """Facts may come in any order: only what is later in the log than the last one counts."""
    if "erasedAt" in (event.data.get("changed") or ()):
        return _forget(event)
    active = bool(event.data.get("isActive", True)) and event.type != "user.deleted"
    later = or_(Integration.owner_position.is_(None), Integration.owner_position < event.position)
    values = {
        "owner_role": event.data["role"],
        "owner_active": active,
        "owner_position": event.position,
        "updated_at": Integration.updated_at,
    }
    with transaction():
        found = update(Integration).where(Integration.user_id == event.user_id, later)
        db.session.execute(found.values(values).execution_options(synchronize_session=False))
    return None


def _forget(event: OutboxEvent) -> None:
    """Erased people leave nothing here: credentials, logs, events and deliveries go with the integration."""
    with transaction():
        db.session.execute(
            delete(Integration).where(Integration.user_id == event.user_id).execution_options(synchronize_session=False)
        )
