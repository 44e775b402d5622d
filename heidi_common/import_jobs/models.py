"""The tables of imports: what was requested, the file until the import has ended, and the result of each line."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from heidi_common.database.models import Base, utcnow
from heidi_common.messaging.jobs import JobMixin
from heidi_common.messaging.requested_jobs import RequestStatus, RequestStatusMixin


class ImportKind(StrEnum):
    """What is imported."""

    USERS = "users"
    CITIES = "cities"


class ImportOutcome(StrEnum):
    """What became of a line."""

    CREATED = "CREATED"
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"
    REFUSED = "REFUSED"


class Import(RequestStatusMixin, JobMixin, Base):
    """An import.

    Attributes:
        attempts: How often a worker has claimed the import since it last made progress.
        rows: The rows of the file.
        processed: How many of them have a result. A worker that continues the import skips them.
        counts: Outcome -> number of rows.
        options: How to read the file, and what the importer of the kind needs.
        error: Why the import has failed as a whole.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("status IN ('PENDING','SUCCEEDED','FAILED','CANCELLED')", name="status"),
        Index("ix_imports_kind_created_at_id", "kind", "created_at", "id"),
        Index("ix_imports_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_imports_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    kind: Mapped[str]
    requested_by: Mapped[UUID]
    status: Mapped[str] = mapped_column(default="PENDING", server_default="PENDING")
    options: Mapped[dict[str, Any]]
    rows: Mapped[int]
    processed: Mapped[int] = mapped_column(default=0, server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]

    work, open_status = "imports", RequestStatus.PENDING.value
    queue = "bulk"


class ImportContent(Base):
    """The file of an import that has not ended. It is encrypted: it may contain passwords."""

    __tablename__ = "import_contents"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str]


class ImportLine(Base):
    """The result of a row.

    Attributes:
        number: The number of the row in the file, from 1.
        line: The number of its first line, from 1. Several rows of a JSON document may stand in one line.
        outcome: An ImportOutcome.
        target_id: The user or city, if there is one.
        detail: Why the row was refused: the field and what it must be.
    """

    __tablename__ = "import_lines"
    __table_args__ = (
        Index("ix_import_lines_refused", "import_id", "number", postgresql_where=text("outcome = 'REFUSED'")),
        Index("ix_import_lines_target_id", "target_id", postgresql_where=text("target_id IS NOT NULL")),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]
    outcome: Mapped[str]
    target_id: Mapped[UUID | None]
    detail: Mapped[str | None]
