"""Refresh token rotation: each refresh token works once, and the reuse of an old one ends the session as stolen.

A session numbers its refresh tokens. The parent, which was used last, stays valid until one of its children is used,
because the response that contained the child may have been lost. Within ten seconds it leads to the same child, since
two tabs of a browser may refresh at the same time; later it leads to a new one, a sibling of those before. The first
sibling that is used ends the others. A token that is neither the parent nor a valid child was copied: the session is
ended and the user is notified.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update

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
_OLDEST_CHILD = Session.counter - Session.siblings
_PARENT = _OLDEST_CHILD - Session.parent_distance
_SIBLING = {"siblings": Session.siblings + 1}


def _child_of(counter: int) -> dict[str, Any]:
    """The first child of the token `counter`, which becomes the parent. Its siblings are not valid any more."""
    return {"siblings": 0, "parent_distance": Session.counter + 1 - counter}


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
        position = _position(session_id, user_id, counter, now)
        user = accounts.find_public(user_id, User.token_version) if position else None
    if position and user and user.is_active:
        return {"user": serializers.serialize_user(user), **tokens.issue_pair(user, position, now)}
    if not position and _is_outdated(session_id, user_id, counter, now):
        _end_stolen_session(session_id, user_id)
    record_token_failure("authn_token_invalid", "refresh", actor=user_id, target=session_id)
    raise Unauthorized("The session has ended.", error="invalid_token")


def _position(session_id: UUID, user_id: UUID, counter: int, now: datetime) -> SessionPosition | None:
    """Find what the token leads to: its own child, a sibling of that, or the child that exists. None if it is invalid.

    The order matters for concurrent requests: what one of them has changed, the next statement of the others sees.
    """
    session = (Session.id == session_id, Session.user_id == user_id, *accounts.active_session_conditions(Session, now))
    used_before = (*session, counter == _PARENT)
    return (
        _advance((*session, counter >= _OLDEST_CHILD, counter <= Session.counter), _child_of(counter), now)
        or _advance((*used_before, Session.rotated_at < now - REUSE_WINDOW), _SIBLING, now)
        or _newest_child(used_before)
    )


def _advance(
    conditions: tuple[ColumnElement[bool], ...], changes: dict[str, Any], now: datetime
) -> SessionPosition | None:
    """Issue the next number of the session if it meets the conditions. Of several concurrent requests, one succeeds."""
    idle = now + timedelta(seconds=current_settings().session_idle_seconds)
    values = {"counter": Session.counter + 1, "rotated_at": now, "idle_expires_at": idle, **changes}
    statement = update(Session).where(*conditions).values(values)
    row = db.session.execute(statement.returning(Session.id, Session.counter, Session.absolute_expires_at)).first()
    return None if row is None else SessionPosition(row.id, row.counter, min(idle, row.absolute_expires_at))


def _newest_child(conditions: tuple[ColumnElement[bool], ...]) -> SessionPosition | None:
    columns = (Session.id, Session.counter, Session.idle_expires_at, Session.absolute_expires_at)
    row = db.session.execute(select(*columns).where(*conditions)).first()
    if row is None:
        return None
    return SessionPosition(row.id, row.counter, min(row.idle_expires_at, row.absolute_expires_at))


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
    columns: tuple[Any, ...] = (User.id, User.email, User.email_verified_at, User.first_name, User.locale)
    return db.session.execute(select(*columns).where(User.id == user_id)).first()
