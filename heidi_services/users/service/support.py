"""Support by administrators: remove a user's second factor, end their sessions, export their data.

The user is notified of what changes the account.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from heidi_common.audit.trail import record
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts, mailer, second_factor
from heidi_common.identity.models import Session, User
from heidi_common.problems import NotFound
from heidi_services.users.service import data_export
from heidi_services.users.service.permissions import user_not_found
from heidi_services.users.service.users import lock_user

REASON = "ended_by_admin"


def remove_second_factor(user_id: UUID, reason: str, actor: UUID | None) -> None:
    """Remove a user's second factor and recovery codes.

    Args:
        user_id: The user.
        reason: Stored in the audit trail.
        actor: The administrator; None for a command on the command line.

    Raises:
        NotFound: The user does not exist or has no second factor.
    """
    with transaction():
        user = lock_user(user_id)
        if not second_factor.remove(user_id):
            raise NotFound("Second factor not found.")
        record("authn_mfa_disabled", actor=actor, target=user_id, detail={"reason": reason})
        mailer.send("mfa-removed-by-admin", user, notification_type="WARNING")


def end_sessions(user_id: UUID, reason: str, actor: UUID | None) -> int:
    """End all sessions of a user, and revoke the access tokens. Arguments as in `remove_second_factor`.

    Returns:
        The number of the sessions.
    """
    with transaction():
        user = lock_user(user_id)
        ended = len(accounts.end_sessions(user_id, REASON))
        accounts.revoke_access_tokens(user_id)
        record("authn_logout_all", actor=actor, target=user_id, detail={"sessions": ended, "reason": reason})
        mailer.send("sessions-ended", user, notification_type="WARNING")
    return ended


def end_session(user_id: UUID, session_id: UUID, reason: str, actor: UUID | None) -> None:
    """End one session of a user. Raises NotFound if the user has no such active session."""
    with transaction():
        user = lock_user(user_id)
        if not accounts.end_sessions(user_id, REASON, only=session_id):
            raise NotFound("Session not found.")
        record(
            "authn_session_ended",
            actor=actor,
            target=user_id,
            detail={"session": str(session_id), "reason": reason},
        )
        mailer.send("sessions-ended", user, notification_type="WARNING")


def export_data(user_id: UUID, reason: str, actor: UUID, authorization: str) -> dict[str, Any]:
    """Export all data that the platform stores about a user, such as after a request under the GDPR.

    The export is recorded before it begins, so that one that is interrupted is recorded, too.

    Args:
        user_id: The user.
        reason: Stored in the audit trail.
        actor: The administrator.
        authorization: The `Authorization` header of the administrator's request.

    Returns:
        What `data_export.export_user` returns.

    Raises:
        NotFound: The user does not exist.
        Unavailable: A service is unavailable.
    """
    with transaction():
        if db.session.get(User, user_id) is None:
            raise user_not_found()
        record("user_data_exported", actor=actor, target=user_id, detail={"reason": reason})
    return data_export.export_user(user_id, authorization)


def active_sessions(user_id: UUID, now: datetime | None = None) -> list[Session]:
    """The active sessions of a user, the most recently used first."""
    active = accounts.active_session_conditions(Session, now or utcnow())
    statement = select(Session).where(Session.user_id == user_id, *active).order_by(Session.rotated_at.desc())
    return list(db.session.scalars(statement))
