"""Files that the platform itself writes for a user, such as exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.files.enums import Visibility
from heidi_services.files.models import File
from heidi_services.files.service import files, single_upload, usage
from heidi_services.files.upload_body import UploadBody


class GeneratedFile(Protocol):
    """A file that is being written: its chunks are read once."""

    @property
    def name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def chunks(self) -> Iterator[bytes]: ...


class _Generated(UploadBody):
    """The content of a generated file, in place of the body of a request."""

    def __init__(self, file: GeneratedFile) -> None:
        super().__init__(lambda _size: b"", name=file.name, content_type=file.content_type)
        self._file = file

    def chunks(self) -> Iterator[bytes]:
        return self._file.chunks


def store(owner_id: UUID, file_id: UUID, file: GeneratedFile) -> None:
    """Store a private file. It has no effect if the file exists already.

    Args:
        owner_id: The owner, whose quota the file counts for.
        file_id: The ID of the file.
        file: Its content.

    Raises:
        TooLarge: The file exceeds FILES_MAX_BYTES, or the quota of the owner.
        NotFound: The owner was deleted.
        StorageError: Storage is unavailable.
    """
    exists = db.session.get(File, file_id) is not None
    db.session.rollback()
    if not exists:
        private = Visibility.PRIVATE.value
        single_upload.store(owner_id, _Generated(file), reserved_bytes=0, visibility=private, file_id=file_id)


def delete(owner_id: UUID, file_id: UUID) -> None:
    """Delete a generated file, if it still exists."""
    with transaction():
        owner_usage = usage.lock(owner_id)
        file = db.session.get(File, file_id, with_for_update={"of": File}, populate_existing=True)
        if file is not None and file.user_id == owner_id:
            files.delete_locked(file, owner_usage)
