"""The table of core: operations that span several services."""

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


class OperationStatus(StrEnum):
    """PENDING until the operation has ended; COMPENSATED if a step failed and the steps before it were undone."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    COMPENSATED = "COMPENSATED"


class Operation(JobMixin, Entity, Base):
    """A requested operation.

    `sealed` holds the complete input, encrypted, until the operation has ended. `input` holds the part of the input
    that may be shown. `requested_by` is the user on whose behalf core acts, or the machine client whose schedule
    requested the operation.
    """

    __tablename__ = "operations"
    __table_args__ = (
        Index("ix_operations_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_operations_created_at", "created_at", "id"),
        CheckConstraint("status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'COMPENSATED')", name="status"),
    )

    type: Mapped[str]
    status: Mapped[str] = mapped_column(default=OperationStatus.PENDING, server_default="PENDING")
    input: Mapped[dict[str, Any]]
    sealed: Mapped[str | None]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    undoing: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    error: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    work, open_status = "operations", "PENDING"
