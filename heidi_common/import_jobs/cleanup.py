"""Delete old imports, and what their results say about an erased user."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, update

from heidi_common.database.models import utcnow
from heidi_common.database.retention import delete_in_batches
from heidi_common.database.session import db
from heidi_common.import_jobs.models import Import, ImportLine
from heidi_common.messaging.requested_jobs import RequestStatus

RETENTION = timedelta(days=30)


def delete_expired() -> bool:
    """Delete a part of the imports that ended and are older than RETENTION; returns whether some are left."""
    ended = Import.status != RequestStatus.PENDING
    return delete_in_batches(Import, Import.created_at, utcnow() - RETENTION, ended, batch=5)


def erase_user(user_id: UUID, email: str) -> None:
    """Remove the reasons of refused rows that name an erased user, within the caller's transaction."""
    names_user = (ImportLine.target_id == user_id) | (func.strpos(func.lower(ImportLine.detail), email.lower()) > 0)
    statement = update(ImportLine).where(ImportLine.detail.is_not(None), names_user).values(detail=None)
    db.session.execute(statement.execution_options(synchronize_session=False))
