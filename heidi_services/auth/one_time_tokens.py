"""One-time tokens: 256 random bits of which only the hash is stored, for one person and one purpose."""

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
"""The label of a token that is good for days, and only until its person has signed in."""


def issue(purpose: Purpose, user: Any, lifetime: timedelta, *, label: str | None = None) -> str:
    """A new token, within the caller's transaction. It is bound to the address that it is sent to."""
    token, now = tokens.new_secret(), utcnow()
    db.session.add(
        OneTimeToken(
            user_id=user.id,
            purpose=purpose,
            token_hash=tokens.digest(token),
            email=user.email,
            label=label,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def good(token: str, purpose: Purpose, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a token is good for a purpose."""
    return (
        OneTimeToken.token_hash == tokens.digest(token),
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > now,
    )


def hold_person(token: str, purpose: Purpose, now: datetime) -> None:
    """Lock the person whose good token this is. Before the token: a change of the password takes them in this order,
    and the other way round each would wait for the other. Whoever only adds a token for the person does not wait."""
    theirs = select(OneTimeToken.user_id).where(*good(token, purpose, now)).scalar_subquery()
    db.session.execute(select(User.id).where(User.id == theirs).with_for_update(key_share=True))


def redeem(token: str, purpose: Purpose, now: datetime) -> tuple[UUID, str] | None:
    """(person, address) of a good token, which is used up by this; of several at once one wins."""
    statement = update(OneTimeToken).where(*good(token, purpose, now)).values(used_at=now)
    row = db.session.execute(statement.returning(OneTimeToken.user_id, OneTimeToken.email)).first()
    return None if row is None else (row.user_id, row.email)


def use(token_id: UUID, now: datetime) -> bool:
    """Use a token up whose goodness is known; False when somebody else was faster."""
    statement = update(OneTimeToken).where(OneTimeToken.id == token_id, OneTimeToken.used_at.is_(None))
    return db.session.scalar(statement.values(used_at=now).returning(OneTimeToken.id)) is not None


def drop(user_id: UUID, *purposes: Purpose) -> None:
    """Make a person's tokens worthless: all, or those for some purposes."""
    statement = delete(OneTimeToken).where(OneTimeToken.user_id == user_id)
    if purposes:
        statement = statement.where(OneTimeToken.purpose.in_(purposes))
    db.session.execute(statement)
