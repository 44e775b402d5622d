"""The tables of core: operations that span several services, and replays of events."""

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
    queue = "core"


class ReplayStatus(StrEnum):
    """PENDING until the replay has ended."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class EventReplay(JobMixin, Entity, Base):
    """A replay of past events to one subscriber or to the endpoint of one integration.

    The events are read in the order of their times, up to `scanned_at` and `scanned_id` so far. `in_flight` has the IDs
    of those that were handed over and whose result is not known yet.
    """

    __tablename__ = "event_replays"
    __table_args__ = (
        Index("ix_event_replays_due", "next_attempt_at", postgresql_where=text("status = 'PENDING'")),
        Index("ix_event_replays_created_at", "created_at", "id"),
        Index("uq_event_replays_subscriber", "subscriber", unique=True, postgresql_where=text("status = 'PENDING'")),
        Index(
            "uq_event_replays_integration", "integration_id", unique=True, postgresql_where=text("status = 'PENDING'")
        ),
        CheckConstraint("status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name="status"),
        CheckConstraint("(subscriber IS NULL) <> (integration_id IS NULL)", name="target"),
    )

    subscriber: Mapped[str | None]
    integration_id: Mapped[UUID | None]
    types: Mapped[list[str]] = mapped_column(JSONB)
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(default=ReplayStatus.PENDING, server_default="PENDING")
    cancel_requested_at: Mapped[datetime | None]
    error: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    total: Mapped[int | None]
    replayed: Mapped[int] = mapped_column(default=0, server_default="0")
    skipped: Mapped[int] = mapped_column(default=0, server_default="0")
    handled: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    in_flight: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    handed_over_at: Mapped[datetime | None]
    scanned_at: Mapped[datetime | None]
    scanned_id: Mapped[UUID | None]
    is_scanned: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    work, open_status = "replays", "PENDING"
    queue = "core"

    @property
    def is_cancel_requested(self) -> bool:
        return self.cancel_requested_at is not None
