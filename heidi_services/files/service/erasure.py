"""Erase what the file service stores about a user who was erased (`users/service/erasure.py`)."""

from __future__ import annotations

from sqlalchemy import delete, true

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files.models import File, ResumableUpload
from heidi_services.files.service import objects, usage


def erase_user_data(event: OutboxEvent) -> None:
    """Delete the files, links and uploads of an erased user. The clock deletes the objects within seconds."""
    if event.user_id is None or "erasedAt" not in event.data.get("changed", ()):
        return
    with transaction():
        owner_usage = usage.lock(event.user_id)
        for model in (File, ResumableUpload):
            statement = delete(model).where(model.user_id == event.user_id)
            db.session.execute(statement.execution_options(synchronize_session=False))
        objects.remove_where(true(), owner_usage)
        owner_usage.bytes = 0
