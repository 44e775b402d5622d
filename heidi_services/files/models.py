"""The tables of the file service: files, and the objects in storage that hold their content.

Lock order: the usage of a user before that user's objects, files and uploads. The opposite order could deadlock.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, Entity, utcnow
from heidi_common.messaging.jobs import JobMixin
from heidi_services.files.enums import FileStatus, JobStatus, ScanStatus


class FileUsage(Base):
    """What a user stores: the sum of `counted_bytes` of objects and `bytes` of open uploads."""

    __tablename__ = "file_usage"
    __table_args__ = (CheckConstraint("bytes >= 0", name="bytes"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")


class StoredObject(Base):
    """An object in storage. Its key there is its ID; it is written once and never changed.

    The row exists before the object and after it, so that no object can be left without a row.

    Attributes:
        counted_bytes: What the object contributes to its owner's usage: nothing for parts and renditions.
        detected_type: The media type by the content; None if the content does not show it.
        remove_after: When the clock deletes it. None while the object is in use.
        upload_id: The resumable upload of which it is a part, with `upload_offset`.
        source_id: The image of which it is a rendition, with `rendition_size`.
    """

    __tablename__ = "stored_objects"
    __table_args__ = (
        Index("ix_stored_objects_content", "user_id", "sha256", postgresql_where=text("status = 'STORED'")),
        Index("ix_stored_objects_remove_after", "remove_after", postgresql_where=text("remove_after IS NOT NULL")),
        Index("ix_stored_objects_upload_id", "upload_id", postgresql_where=text("upload_id IS NOT NULL")),
        Index("ix_stored_objects_source_id", "source_id", postgresql_where=text("source_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID]
    status: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    counted_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sha256: Mapped[str | None]
    detected_type: Mapped[str | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    scan_status: Mapped[str] = mapped_column(server_default=ScanStatus.NOT_SCANNED.value)
    signature: Mapped[str | None]
    """The name of the detected virus."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    remove_after: Mapped[datetime | None]
    upload_id: Mapped[UUID | None]
    upload_offset: Mapped[int | None] = mapped_column(BigInteger)
    source_id: Mapped[UUID | None]
    rendition_size: Mapped[int | None]

    @property
    def key(self) -> str:
        """The key of the object in storage."""
        return self.id.hex

    @property
    def file_status(self) -> FileStatus:
        """The status of the files with this content."""
        by_scan = {ScanStatus.PENDING: FileStatus.SCANNING, ScanStatus.INFECTED: FileStatus.QUARANTINED}
        return by_scan.get(ScanStatus(self.scan_status), FileStatus.READY)


class File(Entity, Base):
    """A file of a user. Files of one user with equal content may share an object."""

    __tablename__ = "files"
    __table_args__ = (
        Index("ix_files_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_files_created_at_id", "created_at", "id"),
        Index("ix_files_object_id", "object_id"),
    )

    user_id: Mapped[UUID]
    object_id: Mapped[UUID] = mapped_column(ForeignKey("stored_objects.id"))
    name: Mapped[str]
    content_type: Mapped[str]
    visibility: Mapped[str]

    object: Mapped[StoredObject] = relationship(lazy="joined", innerjoin=True)


class ResumableUpload(Entity, Base):
    """A resumable upload. Its ID becomes that of the file.

    `holder` identifies the request that appends: a new request takes over, and the former one can no longer commit.
    """

    __tablename__ = "file_uploads"
    __table_args__ = (
        Index("ix_file_uploads_expires_at", "expires_at"),
        Index("ix_file_uploads_user_id", "user_id"),
    )

    user_id: Mapped[UUID]
    name: Mapped[str]
    content_type: Mapped[str | None]
    visibility: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    parts: Mapped[int] = mapped_column(server_default="0", default=0)
    holder: Mapped[UUID | None]
    expires_at: Mapped[datetime]


class FileLink(Base):
    """A link with which people without an account download a file. Its URL contains the signed ID."""

    __tablename__ = "file_links"
    __table_args__ = (
        Index("ix_file_links_file_id_created_at_id", "file_id", "created_at", "id"),
        Index("ix_file_links_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"))
    user_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    expires_at: Mapped[datetime]
    max_downloads: Mapped[int | None]
    downloads: Mapped[int] = mapped_column(server_default="0", default=0)


class FileJob(JobMixin, Base):
    """The processing of an object, whose ID it has: a virus scan and the renditions of an image."""

    __tablename__ = "file_jobs"
    __table_args__ = (Index("ix_file_jobs_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),)

    id: Mapped[UUID] = mapped_column(ForeignKey("stored_objects.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[str] = mapped_column(server_default=JobStatus.PENDING.value)
    last_error: Mapped[str | None]

    work, open_status = "files", JobStatus.PENDING.value
    queue = "files"
