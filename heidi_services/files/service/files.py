"""Change and delete files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import expect_version, transaction
from heidi_common.jwt.guards import Caller
from heidi_common.messaging.events import FileDeleted
from heidi_common.messaging.outbox import emit
from heidi_services.files.models import File, FileUsage
from heidi_services.files.names import clean_name
from heidi_services.files.service import objects, queries, usage


def update(file_id: UUID, caller: Caller, changes: dict[str, Any], version: int | None) -> File:
    """Change the name or the visibility of a file.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
        PreconditionFailed: The file has another version.
    """
    with transaction():
        file = queries.lock_own(file_id, caller)
        expect_version(file, version)
        if "name" in changes:
            file.name = clean_name(changes["name"])
        if "visibility" in changes:
            file.visibility = changes["visibility"]
    return file


def delete(file_id: UUID, caller: Caller, version: int | None) -> None:
    """Delete a file with its links. The object is removed within seconds, unless another file shares it.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
        PreconditionFailed: The file has another version.
    """
    with transaction():
        owner_id = db.session.scalar(select(File.user_id).where(File.id == file_id))
        if owner_id is None:
            raise queries.file_not_found()
        owner_usage = usage.lock(owner_id)
        file = queries.lock_own(file_id, caller)
        expect_version(file, version)
        if caller.id != file.user_id:
            record("file_deleted", actor=caller.id, target=file.user_id, detail={"fileId": str(file.id)})
        delete_locked(file, owner_usage)


def delete_locked(file: File, owner_usage: FileUsage) -> None:
    """Delete a locked file, in the caller's transaction.

    Args:
        file: The file.
        owner_usage: The locked usage of its owner.
    """
    object_id = file.object_id
    emit(FileDeleted(id=file.id, about_user=file.user_id))
    db.session.delete(file)
    objects.release_unused(object_id, owner_usage)
