"""The state of users' second factors, and their removal, which auth and users share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BindParameter, bindparam, delete, exists, func, select

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.identity.models import RecoveryCode, Totp


@dataclass(frozen=True)
class SecondFactorStatus:
    """Whether sign-in requires a second factor, and how many recovery codes have not been used."""

    is_active: bool
    remaining_codes: int


def read_status(user_id: UUID) -> SecondFactorStatus:
    """Read the status of a user's second factor outside of any transaction, in one round trip."""
    row = _STATUS.first(user_id=user_id)
    return SecondFactorStatus(row.is_active, row.remaining) if row else SecondFactorStatus(False, 0)


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


_USER_ID: BindParameter[UUID] = bindparam("user_id")
_STATUS = CompiledStatement(
    select(
        exists().where(Totp.user_id == _USER_ID, Totp.confirmed_at.is_not(None)).label("is_active"),
        select(func.count())
        .where(RecoveryCode.user_id == _USER_ID, RecoveryCode.used_at.is_(None))
        .scalar_subquery()
        .label("remaining"),
    )
)
