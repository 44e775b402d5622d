"""Decide whether a file can be downloaded, and where the client gets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Conflict, Forbidden, NotFound, Unavailable
from heidi_services.files import content_types
from heidi_services.files.enums import FileStatus, JobStatus, ObjectStatus, RenditionSize, Visibility
from heidi_services.files.models import File, FileJob, StoredObject
from heidi_services.files.names import content_disposition
from heidi_services.files.service import queries
from heidi_services.files.storage import storage


@dataclass(frozen=True)
class Download:
    """What a client gets.

    Attributes:
        place: A path on this machine, or a URL.
        key: The key of the object in storage.
        tag: The ETag, with quotation marks: it depends on the content alone.
    """

    place: Path | str
    key: str
    content_type: str
    disposition: str
    tag: str
    is_public: bool


def get_downloadable(file_id: UUID, caller: Caller | None) -> File:
    """Read a file that the caller may download.

    Args:
        file_id: The file.
        caller: None for a request without a token.

    Raises:
        NotFound: The file does not exist, or the caller may not see it.
        Conflict: `scanning`.
        Forbidden: `quarantined`.
    """
    file = db.session.get(File, file_id)
    if file is None or not queries.may_see(file, caller):
        raise queries.file_not_found()
    require_ready(file)
    if caller is not None and caller.is_admin and caller.id != file.user_id and file.visibility != Visibility.PUBLIC:
        _audit(file, caller)
    return file


def _audit(file: File, caller: Caller) -> None:
    with transaction():
        record("file_downloaded", actor=caller.id, target=file.user_id, detail={"fileId": str(file.id)})


def require_ready(file: File) -> None:
    """Reject the download of a file that has not been scanned, or contains a virus."""
    status = file.object.file_status
    if status == FileStatus.QUARANTINED:
        raise Forbidden("A virus was detected in the file. It cannot be downloaded.", code="quarantined")
    if status == FileStatus.SCANNING:
        problem = Conflict("The file is being scanned for viruses. Try again later.", code="scanning")
        problem.headers["Retry-After"] = "2"
        raise problem


def prepare(file: File, *, size: RenditionSize | None, as_attachment: bool) -> Download:
    """Describe the download of a file or of one of its renditions.

    Args:
        file: A file that can be downloaded.
        size: The rendition of an image; None for the file itself.
        as_attachment: Whether the browser must save the file.

    Raises:
        NotFound: `no_rendition`. The file is not an image, or its renditions could not be created.
        Unavailable: `rendition_pending`.
    """
    stored, name, media_type = file.object, file.name, file.content_type
    tag = f'"{stored.sha256[:32]}"' if stored.sha256 else '""'
    if size is not None:
        stored, media_type = _rendition(file, size), "image/webp"
        name, tag = f"{name.rpartition('.')[0] or name}-{size}.webp", f'{tag[:-1]}-{size}"'
    kind = "attachment" if as_attachment or not content_types.is_inline(media_type) else "inline"
    disposition, served = content_disposition(kind, name), content_types.served_type(media_type)
    place = storage().locate(stored.key, content_type=served, disposition=disposition)
    return Download(place, stored.key, served, disposition, tag, file.visibility == Visibility.PUBLIC)


def _rendition(file: File, size: RenditionSize) -> StoredObject:
    rendition = db.session.scalar(
        select(StoredObject).where(
            StoredObject.source_id == file.object_id,
            StoredObject.rendition_size == size,
            StoredObject.status == ObjectStatus.RENDITION,
        )
    )
    if rendition is not None:
        return rendition
    job = db.session.get(FileJob, file.object_id)
    if job is not None and job.status == JobStatus.PENDING:
        raise Unavailable("The rendition is being created. Try again later.", code="rendition_pending", retry_after=1)
    raise NotFound("The file has no renditions: it is not an image that can be decoded.", code="no_rendition")
