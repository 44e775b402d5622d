"""What the clock removes: objects that are no longer used or were never completed, and expired uploads and links."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.files.enums import ObjectStatus
from heidi_services.files.models import FileLink, ResumableUpload, StoredObject
from heidi_services.files.service import objects, resumable_uploads, usage

LINK_RETENTION = timedelta(days=30)
MAX_UPLOADS = 100


def removable(limit: int) -> list[UUID]:
    """Collect the objects to remove. Until their next attempt they are not collected again."""
    due = (
        select(StoredObject.id)
        .where(StoredObject.remove_after <= func.now())
        .order_by(StoredObject.remove_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(StoredObject)
        .where(StoredObject.id.in_(due.scalar_subquery()))
        .values(remove_after=func.now() + objects.RETRY_AFTER)
        .returning(StoredObject.id)
    )
    with transaction():
        return list(db.session.scalars(statement.execution_options(synchronize_session=False)))


def remove(object_id: UUID) -> None:
    """Remove an object from storage, with its row.

    Raises:
        StorageError: The backend is unavailable. The clock tries again.
    """
    status = db.session.scalar(select(StoredObject.status).where(StoredObject.id == object_id))
    db.session.rollback()
    if status == ObjectStatus.WRITING:  # its process was killed
        objects.discard(object_id)
    if status in (ObjectStatus.WRITING, ObjectStatus.REMOVING):
        objects.delete_stored(object_id)


def delete_expired_uploads(now: datetime | None = None) -> bool:
    """Delete a part of the uploads that were not continued in time; returns whether some are left."""
    expired = select(ResumableUpload.id, ResumableUpload.user_id).where(ResumableUpload.expires_at < (now or utcnow()))
    rows = db.session.execute(expired.order_by(ResumableUpload.expires_at).limit(MAX_UPLOADS)).all()
    for upload_id, owner_id in rows:
        with transaction():
            usage.lock(owner_id)
            still_expired = db.session.scalar(expired.where(ResumableUpload.id == upload_id))
            if still_expired is not None:
                resumable_uploads.delete_upload(upload_id, owner_id)
    return len(rows) == MAX_UPLOADS


def delete_expired_links() -> bool:
    """Delete a part of the links that expired long ago; returns whether some are left."""
    return delete_in_batches(FileLink, FileLink.expires_at, utcnow() - LINK_RETENTION)
