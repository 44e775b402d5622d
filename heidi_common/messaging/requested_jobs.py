"""Jobs that a user requests and follows: imports and exports of files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, update
from sqlalchemy.orm import Mapped

from heidi_common.database.session import db


class RequestStatus(StrEnum):
    """PENDING is the status in the table until the job has ended; the API shows RUNNING once it has begun."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class RequestStatusMixin:
    """Mixin for the rows of these jobs."""

    status: Mapped[str]
    started_at: Mapped[datetime | None]

    @property
    def shown_status(self) -> str:
        """The status for clients."""
        is_running = self.status == RequestStatus.PENDING and self.started_at is not None
        return RequestStatus.RUNNING.value if is_running else self.status


def change_if(model: Any, *conditions: ColumnElement[bool], values: dict[str, Any]) -> bool:
    """Change the row that meets the conditions, in the caller's transaction; returns whether there was one."""
    statement = update(model).where(*conditions).values(values).execution_options(synchronize_session=False)
    return bool(cast("CursorResult[Any]", db.session.execute(statement)).rowcount)
