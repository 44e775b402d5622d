"""Resumable uploads: the bytes arrive in several requests (`upload_append`), and the last one makes a file of them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Conflict, NotFound
from heidi_services.files.models import File, ResumableUpload, StoredObject
from heidi_services.files.names import clean_name
from heidi_services.files.service import objects, queries, usage
from heidi_services.files.service.single_upload import require_acceptable
from heidi_services.files.service.upload_append import LIFETIME, Appending, UploadProgress
from heidi_services.files.service.upload_parts import exceeds_length
from heidi_services.files.tus import Checksum


def create(owner_id: UUID, *, size: int, name: str, content_type: str | None, visibility: str) -> UploadProgress:
    """Create an upload, and reserve its size in the quota of the owner.

    Raises:
        TooLarge: The file would exceed FILES_MAX_BYTES, or the quota of the owner.
    """
    require_acceptable(size)
    upload = ResumableUpload(
        id=uuid7(),
        user_id=owner_id,
        name=clean_name(name),
        content_type=content_type,
        visibility=visibility,
        bytes=size,
        offset=0,
        parts=0,
        expires_at=utcnow() + LIFETIME,
    )
    with transaction():
        usage.change(usage.lock(owner_id), size)
        db.session.add(upload)
    return UploadProgress(upload.id, 0, size, upload.expires_at)


def get_progress(upload_id: UUID, caller: Caller) -> UploadProgress:
    """Read the progress of an upload.

    Raises:
        NotFound: The upload does not exist, has expired, or belongs to another user.
    """
    upload = db.session.get(ResumableUpload, upload_id, populate_existing=True)
    if upload is None:
        file = db.session.get(File, upload_id)
        if file is None or not queries.may_change(file, caller):
            raise _not_found()
        return UploadProgress(file.id, file.object.bytes, file.object.bytes, None)
    if not _may_append(upload, caller) or upload.expires_at <= utcnow():
        raise _not_found()
    return UploadProgress(upload.id, upload.offset, upload.bytes, upload.expires_at)


def append(
    progress: UploadProgress, chunks: Iterable[bytes], *, offset: int, size: int | None, checksum: Checksum | None
) -> UploadProgress:
    """Append the bytes of a request.

    Args:
        progress: The upload, from `get_progress`.
        chunks: The bytes. What has arrived before an interruption is kept, unless there is a checksum.
        offset: Where the client believes that the bytes belong.
        size: The number of bytes that the client announces, if it does.
        checksum: The digest of the bytes.

    Returns:
        The progress afterwards.

    Raises:
        Conflict: The upload has another offset, or another request has taken over.
        TooLarge: The bytes exceed the size of the upload.
        ChecksumMismatch: The bytes were discarded.
    """
    if offset != progress.offset:
        raise Conflict(f"The upload continues at offset {progress.offset}.", code="wrong_offset")
    if size is not None and offset + size > progress.bytes:
        raise exceeds_length(progress.bytes)
    if progress.is_complete:
        return progress
    return Appending(progress, checksum).run(chunks)


def terminate(upload_id: UUID, caller: Caller) -> None:
    """Delete an upload and what has arrived of it.

    Raises:
        NotFound: The upload does not exist, is complete, or belongs to another user.
    """
    with transaction():
        upload = db.session.get(ResumableUpload, upload_id)
        if upload is None or not _may_append(upload, caller):
            raise _not_found()
        delete_upload(upload_id, upload.user_id)


def delete_upload(upload_id: UUID, owner_id: UUID) -> None:
    """Delete an upload, in the caller's transaction, and release what it has reserved."""
    owner_usage = usage.lock(owner_id)
    upload = db.session.get(ResumableUpload, upload_id, with_for_update=True, populate_existing=True)
    if upload is not None:
        usage.change(owner_usage, -upload.bytes)
        db.session.delete(upload)
        objects.remove_where(StoredObject.upload_id == upload_id, owner_usage)


def _may_append(upload: ResumableUpload, caller: Caller) -> bool:
    return upload.user_id == caller.id or caller.is_admin or caller.kind == "client"


def _not_found() -> NotFound:
    return NotFound("The upload does not exist, or has expired.")
