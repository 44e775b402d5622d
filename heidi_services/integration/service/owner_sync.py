"""Copy the owner's role and state from the events about users to the owner's integrations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import mailer
from heidi_common.identity.models import User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.integration.models import Integration
from heidi_services.integration.service import erasure


def filter_owner_events(events: Iterable[OutboxEvent]) -> set[UUID]:
    """The IDs of the events about users who own integrations."""
    by_user = {event.user_id: set[UUID]() for event in events if event.user_id}
    for event in events:
        if event.user_id:
            by_user[event.user_id].add(event.id)
    owners = db.session.scalars(select(Integration.user_id).where(Integration.user_id.in_(by_user)).distinct())
    return {event_id for owner in owners for event_id in by_user[owner]}


def update_owner(event: OutboxEvent) -> None:
    """Apply a `user.*` event to the owner's integrations, or erase them if the user was erased (`erasure`).

    `user.reclaimed` deletes those that another person may have created.

    Events can arrive in any order: an event is ignored if a later one (by position in the log) has been applied.
    """
    if "erasedAt" in (event.data.get("changed") or ()):
        erasure.erase_user_data(event)
        return
    if "attachedUntil" in event.data:
        _remove_attached(event)
        return
    active = bool(event.data.get("isActive", True)) and event.type != "user.deleted"
    is_newer = or_(Integration.owner_position.is_(None), Integration.owner_position < event.position)
    values = {
        "owner_role": event.data["role"],
        "owner_active": active,
        "owner_position": event.position,
        "updated_at": Integration.updated_at,
    }
    with transaction():
        statement = update(Integration).where(Integration.user_id == event.user_id, is_newer)
        db.session.execute(statement.values(values).execution_options(synchronize_session=False))


def _remove_attached(event: OutboxEvent) -> None:
    """Delete the integrations that were created before the account's owner took it over, and report it."""
    until = datetime.fromisoformat(event.data["attachedUntil"])
    attached = delete(Integration).where(Integration.user_id == event.user_id, Integration.created_at <= until)
    with transaction():
        options = {"synchronize_session": False}
        ids = db.session.scalars(attached.returning(Integration.id).execution_options(**options)).all()
        user = db.session.get(User, event.user_id)
        if ids and user is not None:
            detail = {"integrations": [str(integration_id) for integration_id in ids]}
            record("user_attachments_removed", actor=user.id, target=user.id, detail=detail)
            mailer.send("attachments-removed", user, notification_type="WARNING", integrations=len(ids))
