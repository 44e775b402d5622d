"""Which exports have expired, and the exports of an erased user."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs.models import Export

RETENTION = timedelta(days=7)
"""The file can be downloaded for so long."""


def expired(limit: int) -> list[tuple[UUID, UUID]]:
    """Collect the IDs of expired exports, each with that of the user who has requested it."""
    statement = select(Export.id, Export.requested_by).where(Export.expires_at < func.now())
    rows = db.session.execute(statement.order_by(Export.expires_at).limit(limit)).all()
    db.session.rollback()
    return [(export_id, user_id) for export_id, user_id in rows]


def delete_export(export_id: UUID) -> None:
    """Delete an export, after its file."""
    with transaction():
        db.session.execute(delete(Export).where(Export.id == export_id))


def erase_user(user_id: UUID) -> None:
    """Delete the exports of an erased user, within the caller's transaction. The file service deletes their files."""
    statement = delete(Export).where(Export.requested_by == user_id)
    db.session.execute(statement.execution_options(synchronize_session=False))
