"""Sessions: start, list and end them. One row each; a session ends on all services immediately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, insert, select
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import record
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.models import Session
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Forbidden, NotFound
from heidi_common.runtime import current_settings
from heidi_services.auth import mailer, tokens
from heidi_services.auth.tokens import SessionPosition

MAX_LISTED = 200
_USER_AGENTS = select(Session.user_agent).where(Session.user_id == bindparam("user_id"))
_SAME_AGENT = Session.user_agent.is_not_distinct_from(bindparam("user_agent"))
_NEW_DEVICE = CompiledStatement(
    select((exists(_USER_AGENTS) & ~exists(_USER_AGENTS.where(_SAME_AGENT))).label("is_new"))
)
_TIMES = ("created_at", "rotated_at", "idle_expires_at", "absolute_expires_at")
_COLUMNS = ("id", "user_id", "counter", "ip", "user_agent", "label", *_TIMES)
_INSERT = CompiledStatement(
    insert(Session).values({name: bindparam(name) for name in _COLUMNS}).returning(Session.id), changes=True
)


@dataclass(frozen=True)
class SessionDevice:
    """Where a request comes from; `label` is what the user calls the device."""

    ip: str
    user_agent: str | None = None
    label: str | None = None


def start_session(user: Any, device: SessionDevice) -> dict[str, Any]:
    """Start a session within the caller's transaction. The user is notified of a device not seen before.

    Returns:
        The attributes of `SignedInOut`: the user and their tokens.
    """
    now, settings = utcnow(), current_settings()
    session = {
        "id": uuid7(),
        "user_id": user.id,
        "counter": 1,
        "rotated_at": now,
        "created_at": now,
        "idle_expires_at": now + timedelta(seconds=settings.session_idle_seconds),
        "absolute_expires_at": now + timedelta(seconds=settings.session_absolute_seconds),
        "ip": device.ip,
        "user_agent": device.user_agent,
        "label": device.label,
    }
    if _is_new_device(user.id, device):
        at, name = now.strftime("%Y-%m-%d %H:%M UTC"), device.label or device.user_agent or ""
        mailer.send("new-device", user, notification_type="WARNING", device=name, ip=device.ip, at=at)
    _INSERT.all(**session)
    record("authn_login_success", actor=user.id, target=session["id"])
    expires_at = min(session["idle_expires_at"], session["absolute_expires_at"])
    position = SessionPosition(session["id"], session["counter"], expires_at)
    return {"user": accounts.serialize_user(user), **tokens.issue_pair(user, position, now)}


def log_out(caller: Caller) -> None:
    """End the caller's session. All services reject its tokens, access tokens included."""
    with transaction():
        accounts.end_sessions(caller.id, "logout", only=caller.session_id)
        record("authn_logout", actor=caller.id, target=caller.session_id)


def log_out_everywhere(caller: Caller) -> None:
    """End all sessions of the caller."""
    with transaction():
        ended = accounts.end_sessions(caller.id, "logout_all")
        accounts.revoke_access_tokens(caller.id)
        record("authn_logout_all", actor=caller.id, target=caller.id, detail={"sessions": len(ended)})


def list_sessions(caller: Caller, user_id: UUID | None = None) -> list[dict[str, Any]]:
    """List active sessions, the most recently used first, at most `MAX_LISTED`.

    Args:
        caller: The requesting user.
        user_id: Whose sessions; default: the caller's. Only an ADMIN can list those of other users.

    Raises:
        Forbidden: The sessions belong to another user.
    """
    if user_id not in (None, caller.id) and not caller.is_admin:
        raise Forbidden("You can only access your own sessions.")
    statement = (
        select(Session)
        .where(Session.user_id == (user_id or caller.id), *accounts.active_session_conditions(Session, utcnow()))
        .order_by(Session.rotated_at.desc())
        .limit(MAX_LISTED)
    )
    return [_serialize(session, caller) for session in db.session.scalars(statement)]


def end_session(caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions.

    Raises:
        NotFound: The caller has no active session with this ID (another user may have one).
    """
    with transaction():
        if not accounts.end_sessions(caller.id, "ended_by_owner", only=session_id):
            raise NotFound("Session not found.")
        record("authn_session_ended", actor=caller.id, target=session_id)


def _serialize(session: Session, caller: Caller) -> dict[str, Any]:
    return {
        "id": session.id,
        "device": session.label or session.user_agent,
        "label": session.label,
        "user_agent": session.user_agent,
        "ip": session.ip,
        "created_at": session.created_at,
        "last_used_at": session.rotated_at,
        "current": session.id == caller.session_id,
    }


def _is_new_device(user_id: UUID, device: SessionDevice) -> bool:
    """Whether the user has signed in before, but never with this user agent."""
    row = _NEW_DEVICE.all(user_id=user_id, user_agent=device.user_agent)[0]
    return bool(row.is_new)
