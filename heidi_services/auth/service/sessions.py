"""List and end sessions. A session ends on all services immediately."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.models import Session
from heidi_common.jwt.guards import Caller
from heidi_common.problems import Forbidden, NotFound

MAX_LISTED = 200


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


def list_sessions(caller: Caller, user_id: UUID | None = None) -> Page:
    """List active sessions, the most recently used first, on a single page of at most `MAX_LISTED`.

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
        .limit(MAX_LISTED + 1)
    )
    rows = [_serialize(session, caller) for session in db.session.scalars(statement)]
    return Page(rows[:MAX_LISTED], MAX_LISTED, is_cut=len(rows) > MAX_LISTED)


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
