"""Objects in storage: a row, then the object, then the completed row; when it is removed, in the opposite order."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import User
from heidi_common.problems import NotFound
from heidi_common.runtime import current_settings
from heidi_services.files.content import Content
from heidi_services.files.content_types import RENDERABLE, detect_type
from heidi_services.files.enums import ObjectStatus, ScanStatus
from heidi_services.files.models import File, FileJob, FileUsage, StoredObject
from heidi_services.files.service import usage
from heidi_services.files.storage import StorageError, storage

log = logging.getLogger(__name__)
ORPHAN_AFTER = timedelta(days=1)
"""An object that was not completed by then belongs to a process that was killed."""
RETRY_AFTER = timedelta(minutes=1)
"""When the clock tries again to delete an object from storage."""


def begin(user_id: UUID, *, reserved_bytes: int = 0, **columns: Any) -> UUID:
    """Insert the row of an object that will be written.

    Args:
        user_id: The owner.
        reserved_bytes: How many bytes count as used from now on.
        columns: Further columns.

    Returns:
        The ID of the object.

    Raises:
        TooLarge: `quota_exceeded`.
    """
    row = StoredObject(
        id=uuid7(),
        user_id=user_id,
        status=ObjectStatus.WRITING,
        bytes=0,
        counted_bytes=reserved_bytes,
        remove_after=utcnow() + ORPHAN_AFTER,
        **columns,
    )
    with transaction():
        if reserved_bytes:
            usage.change(usage.lock(user_id), reserved_bytes)
        db.session.add(row)
    return row.id


def write(object_id: UUID, content: Content) -> None:
    """Write the content of an object that was begun. If that fails, the object is discarded."""
    try:
        storage().write(object_id.hex, content)
    except BaseException as error:
        if isinstance(error, StorageError):
            log.warning("storage of files is unavailable", extra={"error": error.reason})
        with suppress(SQLAlchemyError):  # then the clock removes it after a day
            discard(object_id)
        raise


def complete(object_id: UUID, content: Content, *, owner_usage: FileUsage) -> StoredObject:
    """Make a written object the content of files, in the caller's transaction.

    If the owner has another object with equal content, that one is used and this one is removed.

    Args:
        object_id: The object.
        content: What was written.
        owner_usage: The locked usage of the owner.

    Raises:
        NotFound: The owner or the object was deleted meanwhile.
        TooLarge: `quota_exceeded`.
    """
    row = _written(object_id)
    _require_user(row.user_id)
    twin = db.session.scalar(
        select(StoredObject)
        .where(StoredObject.user_id == row.user_id, StoredObject.status == ObjectStatus.STORED)
        .where(StoredObject.sha256 == content.sha256)
        .limit(1)
    )
    if twin is not None:
        _remove(row, owner_usage, utcnow())
        return twin
    usage.change(owner_usage, content.size - row.counted_bytes)
    row.counted_bytes = row.bytes = content.size
    row.sha256, row.detected_type = content.sha256, detect_type(content.head)
    row.status, row.remove_after, row.upload_id = ObjectStatus.STORED, None, None
    _schedule_processing(row)
    return row


def _written(object_id: UUID) -> StoredObject:
    row = db.session.get(StoredObject, object_id, with_for_update=True, populate_existing=True)
    if row is None or row.status not in (ObjectStatus.WRITING, ObjectStatus.PART):
        raise NotFound("The upload was deleted.")
    return row


def _require_user(user_id: UUID) -> None:
    """An upload that ends after its user was erased must not leave anything."""
    if db.session.scalar(select(User.id).where(User.id == user_id, User.erased_at.is_(None))) is None:
        raise NotFound("The user does not exist.")


def _schedule_processing(row: StoredObject) -> None:
    if current_settings().clamav_url:
        row.scan_status = ScanStatus.PENDING
    if row.scan_status == ScanStatus.PENDING or row.detected_type in RENDERABLE:
        db.session.flush()
        db.session.add(FileJob(id=row.id, hinted_until=utcnow()))


def complete_derived(object_id: UUID, status: ObjectStatus, size: int) -> None:
    """Mark a part or a rendition as complete, in the caller's transaction."""
    row = _written(object_id)
    row.status, row.bytes, row.remove_after = status, size, None


def discard(object_id: UUID) -> None:
    """Remove an object that was not completed, and release what it has reserved."""
    db.session.rollback()
    with transaction():
        row = db.session.get(StoredObject, object_id, populate_existing=True)
        if row is not None:
            owner_usage = usage.lock(row.user_id)
            db.session.refresh(row, with_for_update=True)
            _remove(row, owner_usage, utcnow())


def release_unused(object_id: UUID, owner_usage: FileUsage) -> None:
    """Remove an object and its renditions if no file uses it any more, in the caller's transaction."""
    db.session.flush()
    if db.session.scalar(select(func.count()).select_from(File).where(File.object_id == object_id)):
        return
    remove_where(or_(StoredObject.id == object_id, StoredObject.source_id == object_id), owner_usage)


def remove_where(condition: ColumnElement[bool], owner_usage: FileUsage) -> None:
    """Remove the objects of a user that match a condition, in the caller's transaction.

    An object that is being written is deleted later, when no process writes to it any more.
    """
    own = StoredObject.user_id == owner_usage.user_id
    for row in db.session.scalars(select(StoredObject).where(own, condition).with_for_update()):
        _remove(row, owner_usage, row.remove_after or utcnow())


def _remove(row: StoredObject, owner_usage: FileUsage, at: datetime) -> None:
    usage.change(owner_usage, -row.counted_bytes)
    row.status, row.remove_after, row.counted_bytes = ObjectStatus.REMOVING, at, 0


def delete_stored(object_id: UUID) -> None:
    """Delete an object that is to be removed: from storage, then its row.

    Raises:
        StorageError: The backend is unavailable. The clock tries again.
    """
    storage().delete(object_id.hex)
    statement = delete(StoredObject).where(StoredObject.id == object_id, StoredObject.status == ObjectStatus.REMOVING)
    with transaction():
        db.session.execute(statement.execution_options(synchronize_session=False))
