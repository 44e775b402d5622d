"""The table of core: operations over several services."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base, Entity
from heidi_common.messaging.jobs import JobMixin


class Status(StrEnum):
    """PENDING until it has ended; COMPENSATED when a step failed and everything before it was undone."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    COMPENSATED = "COMPENSATED"


class Operation(JobMixin, Entity, Base):
    """The row is the work. `sealed` holds the whole input and the requester's authority until the operation has ended;
    `input` what may be shown."""

    __tablename__ = "operations"
    __table_args__ = (
        Index("ix_operations_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_operations_created_at", "created_at", "id"),
        CheckConstraint("status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'COMPENSATED')", name="status"),
    )

    type: Mapped[str]
    status: Mapped[str] = mapped_column(default=Status.PENDING, server_default="PENDING")
    input: Mapped[dict[str, Any]]
    sealed: Mapped[str | None]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    undoing: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    error: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
