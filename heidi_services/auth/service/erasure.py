"""Erase what auth stores about a user who was deleted or erased (`users/service/erasure.py`)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import RecoveryCode, Totp, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.auth import one_time_tokens


def erase_user_data(event: OutboxEvent) -> None:
    """Handle `user.deleted`.

    The tokens of a deleted user are deleted; the second factor is deleted only when the user is erased, because until
    then the account can be restored. Nothing happens if it has been restored since.
    """
    user_id = UUID(event.subject)
    user = db.session.get(User, user_id)
    if user is not None and user.deleted_at is None:
        return
    with transaction():
        one_time_tokens.delete_for_user(user_id)
        if user is None or user.erased_at is not None:
            for table in (Totp, RecoveryCode):
                db.session.execute(delete(table).where(table.user_id == user_id))
