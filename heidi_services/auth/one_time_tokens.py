"""One-time tokens: 256 random bits, stored as a hash, valid once for one user and one purpose."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_services.auth import tokens
from heidi_services.auth.models import OneTimeToken, Purpose

INVITATION = "invitation"
"""The label of a token that is valid for days, but only until its user has signed in."""


def issue(
    purpose: Purpose, user: Any, lifetime: timedelta, *, label: str | None = None, email: str | None = None
) -> str:
    """Create a token within the caller's transaction. It is bound to `email`; default: the user's current address."""
    token, now = tokens.generate_secret(), utcnow()
    db.session.add(
        OneTimeToken(
            user_id=user.id,
            purpose=purpose,
            token_hash=tokens.hash_secret(token),
            email=email or user.email,
            label=label,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def valid_conditions(token: str, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a token is valid for a purpose."""
    return (
        OneTimeToken.token_hash == tokens.hash_secret(token),
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > now,
    )


def lock_user(token: str, purpose: Purpose, now: datetime) -> None:
    """Lock the user of a valid token. Call it before `redeem`.

    A password change locks the user first and the tokens second. The opposite order here could deadlock with it. The
    lock does not block transactions that only add a token for the user.
    """
    user_id = select(OneTimeToken.user_id).where(*valid_conditions(token, purpose, now)).scalar_subquery()
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def redeem(token: str, purpose: Purpose, now: datetime) -> tuple[UUID, str] | None:
    """Mark a valid token as used. If several requests redeem it at the same time, one of them succeeds.

    Returns:
        The user's ID and the address that the token was sent to; None if the token is not valid.
    """
    statement = update(OneTimeToken).where(*valid_conditions(token, purpose, now)).values(used_at=now)
    row = db.session.execute(statement.returning(OneTimeToken.user_id, OneTimeToken.email)).first()
    return None if row is None else (row.user_id, row.email)


def mark_used(token_id: UUID, now: datetime) -> bool:
    """Mark a token as used whose validity has been checked. False if another request has used it since."""
    statement = update(OneTimeToken).where(OneTimeToken.id == token_id, OneTimeToken.used_at.is_(None))
    return db.session.scalar(statement.values(used_at=now).returning(OneTimeToken.id)) is not None


def delete_for_user(user_id: UUID, *purposes: Purpose) -> None:
    """Delete a user's tokens: those for `purposes`, or all of them if none is named."""
    statement = delete(OneTimeToken).where(OneTimeToken.user_id == user_id)
    if purposes:
        statement = statement.where(OneTimeToken.purpose.in_(purposes))
    db.session.execute(statement)
