"""The state of users' second factors, and their removal, which auth and users share."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, select

from heidi_common.database.session import db
from heidi_common.identity.models import RecoveryCode, Totp, User

IS_ACTIVE = exists().where(Totp.user_id == User.id, Totp.confirmed_at.is_not(None))
"""Whether sign-in requires a second factor: a column for statements that select from users."""
REMAINING_CODES = (
    select(func.count())
    .where(RecoveryCode.user_id == User.id, RecoveryCode.used_at.is_(None))
    .correlate(User)
    .scalar_subquery()
)
"""How many recovery codes have not been used, as `IS_ACTIVE`."""


def remove(user_id: UUID, *, created_until: datetime | None = None) -> bool:
    """Remove a user's second factor and recovery codes within the caller's transaction.

    Args:
        user_id: The user.
        created_until: Remove it only if it was enrolled at this time or earlier.

    Returns:
        False if there was none.
    """
    statement = delete(Totp).where(Totp.user_id == user_id)
    if created_until is not None:
        statement = statement.where(Totp.created_at <= created_until)
    if db.session.scalar(statement.returning(Totp.user_id)) is None:
        return False
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    return True
