"""The table of exports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, utcnow
from heidi_common.messaging.jobs import JobMixin
from heidi_common.messaging.requested_jobs import RequestStatus, RequestStatusMixin


class ExportKind(StrEnum):
    """What is exported."""

    USERS = "users"
    PERSONAL_DATA = "personal_data"


class Export(RequestStatusMixin, JobMixin, Base):
    """An export. The file that it ends with has the same ID.

    Attributes:
        attempts: How often a worker has begun it. A worker changes the row only while it is the last one that has.
        options: What the exporter of the kind needs.
        rows: How many rows the file will have, about; None if that is not known.
        processed: How many of them are written.
        sealed: The `Authorization` header of the request, encrypted, until the export has ended.
        expires_at: When the file and this row are deleted. None until the export has ended.
        error: Why it has failed.
    """

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint("status IN ('PENDING','SUCCEEDED','FAILED','CANCELLED')", name="status"),
        Index("ix_exports_kind_created_at_id", "kind", "created_at", "id"),
        Index("ix_exports_requested_by_created_at_id", "requested_by", "created_at", "id"),
        Index("ix_exports_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_exports_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    kind: Mapped[str]
    requested_by: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="PENDING", server_default="PENDING")
    options: Mapped[dict[str, Any]]
    rows: Mapped[int | None]
    processed: Mapped[int] = mapped_column(default=0, server_default="0")
    sealed: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    error: Mapped[str | None]

    work, open_status = "exports", RequestStatus.PENDING.value
    queue = "bulk"

    @property
    def file_id(self) -> UUID | None:
        """The file, once it is complete."""
        return self.id if self.status == RequestStatus.SUCCEEDED else None
