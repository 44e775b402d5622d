"""React to deleted files: one that was the avatar of its owner is removed from the account."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.users.service.users import apply_update


def filter_avatars(events: Sequence[OutboxEvent]) -> set[UUID]:
    """Find those events about deleted files that were avatars. Returns the IDs of the events."""
    owners = {event.user_id for event in events if event.user_id is not None}
    rows = db.session.execute(select(User.id, User.avatar_file_id).where(User.id.in_(owners)))
    avatars = {(user_id, str(file_id)) for user_id, file_id in rows}
    return {event.id for event in events if (event.user_id, event.subject) in avatars}


def clear_avatar(event: OutboxEvent) -> None:
    """Remove a deleted file from the account of which it was the avatar."""
    with transaction():
        user = db.session.scalar(select(User).where(User.id == event.user_id).with_for_update())
        if user is None or str(user.avatar_file_id) != event.subject:
            return
        if user.deleted_at is None:
            apply_update(user.id, {"avatar_file_id": None}, None)
        else:
            user.avatar_file_id = None
