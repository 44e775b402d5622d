"""Refresh token rotation: each refresh token works once, and the reuse of an old one ends the session as stolen.

A session counts its refresh tokens. The current token rotates it. The one before is accepted for ten seconds more,
because two tabs of a browser may refresh at the same time; both receive the current token. An older one has been used
before, so it was copied: the session is ended and the user is notified.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import exists, select, update

from heidi_common.audit.rejections import record_token_failure
from heidi_common.audit.trail import record_failure
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, mailer, serializers
from heidi_common.identity.models import Session, User
from heidi_common.identity.serializers import AnyRow
from heidi_common.problems import Unauthorized
from heidi_common.runtime import current_settings
from heidi_services.auth import tokens
from heidi_services.auth.tokens import SessionPosition

REUSE_WINDOW = timedelta(seconds=10)


def refresh_tokens(token: str, now: datetime | None = None) -> dict[str, Any]:
    """Exchange a refresh token for a new pair.

    Returns:
        The attributes of `SignedInOut`: the user and their tokens.

    Raises:
        Unauthorized: The token is not valid, its session has ended, or it is old, which ends the session.
    """
    user_id, session_id, counter = tokens.verify_refresh_token(token)
    now = now or utcnow()
    with transaction():
        position = _rotate(session_id, user_id, counter, now) or _reuse(session_id, user_id, counter, now)
        user = accounts.find_public(user_id, User.token_version) if position else None
    if position and user and user.is_active:
        return {"user": serializers.serialize_user(user), **tokens.issue_pair(user, position, now)}
    if not position and _is_outdated(session_id, user_id, counter, now):
        _end_stolen_session(session_id, user_id)
    record_token_failure("authn_token_invalid", "refresh", actor=user_id, target=session_id)
    raise Unauthorized("The session has ended.", error="invalid_token")


def _rotate(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> SessionPosition | None:
    """Advance the counter if the token is current. Of several concurrent requests, one succeeds."""
    idle = now + timedelta(seconds=current_settings().session_idle_seconds)
    statement = (
        update(Session)
        .where(Session.id == session_id, Session.user_id == user_id, Session.counter == counter)
        .where(*accounts.active_session_conditions(Session, now))
        .values(counter=Session.counter + 1, rotated_at=now, idle_expires_at=idle)
        .returning(Session.counter, Session.absolute_expires_at)
    )
    row = db.session.execute(statement).first()
    return None if row is None else SessionPosition(session_id, row.counter, min(idle, row.absolute_expires_at))


def _reuse(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> SessionPosition | None:
    """Return the current position if the token is the one before, and was rotated within `REUSE_WINDOW`."""
    statement = (
        select(Session.counter, Session.idle_expires_at, Session.absolute_expires_at)
        .where(Session.id == session_id, Session.user_id == user_id, Session.counter == counter + 1)
        .where(Session.rotated_at >= now - REUSE_WINDOW, *accounts.active_session_conditions(Session, now))
    )
    row = db.session.execute(statement).first()
    if row is None:
        return None
    return SessionPosition(session_id, row.counter, min(row.idle_expires_at, row.absolute_expires_at))


def _is_outdated(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> bool:
    """Tell whether the session is active and has issued newer tokens than this one."""
    newer = exists().where(
        Session.id == session_id,
        Session.user_id == user_id,
        Session.counter > counter,
        *accounts.active_session_conditions(Session, now),
    )
    return bool(db.session.scalar(select(newer)))


def _end_stolen_session(session_id: UUID, user_id: UUID) -> NoReturn:
    """End the session for the user and the thief, since they cannot be told apart, and notify the user."""
    db.session.rollback()
    with transaction():
        ended = accounts.end_sessions(user_id, "token_reuse", only=session_id)
        user = _find_recipient(user_id)
        if ended and user:
            at = utcnow().strftime("%Y-%m-%d %H:%M UTC")
            mailer.send("token-theft", user, notification_type="ALERT", at=at)
    record_failure("authn_token_reuse", actor=user_id, target=session_id)
    raise Unauthorized("The session has ended.", error="invalid_token")


def _find_recipient(user_id: UUID) -> AnyRow | None:
    columns: tuple[Any, ...] = (User.id, User.email, User.first_name, User.locale)
    return db.session.execute(select(*columns).where(User.id == user_id)).first()
