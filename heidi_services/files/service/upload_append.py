"""One request that appends to a resumable upload: it stores parts, and the last request joins them.

A part is committed when it is durable, so that a client continues behind it after any interruption. Each request takes
over from the one before: a stalled request that comes back to life cannot commit any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, func, select, update
from uuid_utils.compat import uuid4

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import Conflict
from heidi_services.files.content import Content
from heidi_services.files.content_types import content_type
from heidi_services.files.enums import ObjectStatus
from heidi_services.files.models import ResumableUpload, StoredObject
from heidi_services.files.service import objects, usage
from heidi_services.files.service.single_upload import create_file
from heidi_services.files.service.upload_parts import Parts
from heidi_services.files.storage import storage
from heidi_services.files.tus import Checksum

LIFETIME = timedelta(days=1)
"""An upload expires this long after the last byte."""
PART_BYTES = 8 * 1024 * 1024
"""A killed process loses at most this much of what it has received."""
MAX_PARTS = 10_000
"""Limits how many rows an upload of single bytes creates."""


@dataclass(frozen=True)
class UploadProgress:
    """How much of an upload has arrived. A complete one has become a file with the same ID."""

    id: UUID
    offset: int
    bytes: int
    expires_at: datetime | None

    @property
    def is_complete(self) -> bool:
        return self.expires_at is None


class Appending:
    """One request that appends to an upload."""

    def __init__(self, progress: UploadProgress, checksum: Checksum | None) -> None:
        self.upload_id, self.bytes, self.checksum = progress.id, progress.bytes, checksum
        self.offset = progress.offset
        self.holder = uuid4()
        self.owner_id = self._take_over()

    def run(self, chunks: Iterable[bytes]) -> UploadProgress:
        # A part with a checksum is committed once all of it has arrived.
        parts = Parts(chunks, self.bytes if self.checksum else PART_BYTES)
        while self.offset < self.bytes or not self.bytes:
            part_id = objects.begin(self.owner_id, upload_id=self.upload_id, upload_offset=self.offset)
            content = Content(self._digested(parts.next_part()), self.bytes - self.offset)
            objects.write(part_id, content)
            if not self._commit(part_id, content):
                objects.discard(part_id)
                break
            self.offset += content.size
            if parts.is_exhausted or not self.bytes:
                break
        parts.require_end(self.bytes)
        return self._progress()

    def _take_over(self) -> UUID:
        statement = (
            update(ResumableUpload)
            .where(ResumableUpload.id == self.upload_id, ResumableUpload.offset == self.offset)
            .where(ResumableUpload.parts < MAX_PARTS)
            .values(holder=self.holder, expires_at=func.now() + LIFETIME)
            .returning(ResumableUpload.user_id)
        )
        with transaction():
            owner_id = db.session.scalar(statement.execution_options(synchronize_session=False))
        if owner_id is None:
            raise _taken_over()
        return owner_id

    def _digested(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.checksum:
                self.checksum.update(chunk)
            yield chunk

    def _commit(self, part_id: UUID, content: Content) -> bool:
        """Add a part to the upload, or complete the upload; False if the part is empty."""
        is_last = self.offset + content.size == self.bytes
        if not content.size and not is_last:
            return False
        try:
            if self.checksum:
                self.checksum.verify()
            if is_last:
                self._complete(part_id, content)
            else:
                self._add(part_id, content.size)
        except Exception:
            objects.discard(part_id)
            raise
        return True

    def _add(self, part_id: UUID, size: int) -> None:
        statement = self._held().values(
            offset=ResumableUpload.offset + size,
            parts=ResumableUpload.parts + 1,
            expires_at=func.now() + LIFETIME,
        )
        with transaction():
            self._execute(statement)
            objects.complete_derived(part_id, ObjectStatus.PART, size)

    def _complete(self, part_id: UUID, last: Content) -> None:
        """Make a file of all parts. The offset stays behind the last one until the file exists."""
        whole_id, content = (part_id, last) if self.offset == 0 else self._joined(part_id)
        try:
            with transaction():
                owner_usage = usage.lock(self.owner_id)
                self._execute(self._held().values(holder=self.holder))
                if whole_id != part_id:
                    objects.complete_derived(part_id, ObjectStatus.PART, last.size)
                upload = db.session.get_one(ResumableUpload, self.upload_id, populate_existing=True)
                usage.change(owner_usage, -upload.bytes)
                db.session.delete(upload)
                stored = objects.complete(whole_id, content, owner_usage=owner_usage)
                media_type = content_type(content.head, upload.content_type)
                create_file(stored, upload.id, name=upload.name, content_type=media_type, visibility=upload.visibility)
                objects.remove_where(
                    (StoredObject.upload_id == self.upload_id) & (StoredObject.status != ObjectStatus.STORED),
                    owner_usage,
                )
        except Exception:
            objects.discard(whole_id)
            raise

    def _joined(self, last_part: UUID) -> tuple[UUID, Content]:
        parts = select(StoredObject.id).where(
            StoredObject.upload_id == self.upload_id, StoredObject.status == ObjectStatus.PART
        )
        keys = [part_id.hex for part_id in db.session.scalars(parts.order_by(StoredObject.upload_offset))]
        db.session.rollback()
        whole_id = objects.begin(self.owner_id)
        content = Content(chain.from_iterable(map(storage().read, [*keys, last_part.hex])), self.bytes)
        objects.write(whole_id, content)
        return whole_id, content

    def _held(self) -> Any:
        at_offset = (ResumableUpload.id == self.upload_id, ResumableUpload.offset == self.offset)
        return update(ResumableUpload).where(*at_offset, ResumableUpload.holder == self.holder)

    def _execute(self, statement: Any) -> None:
        result = db.session.execute(statement.execution_options(synchronize_session=False))
        if cast(CursorResult[Any], result).rowcount == 0:
            raise _taken_over()

    def _progress(self) -> UploadProgress:
        if self.offset == self.bytes:
            return UploadProgress(self.upload_id, self.offset, self.bytes, None)
        return UploadProgress(self.upload_id, self.offset, self.bytes, utcnow() + LIFETIME)


def _taken_over() -> Conflict:
    return Conflict("Another request continues the upload. Ask for the offset again.", code="wrong_offset")
