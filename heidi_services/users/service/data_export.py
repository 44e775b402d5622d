"""Everything the platform holds on a person, over all services, as one JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Session, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.schemas.fields import iso
from heidi_common.schemas.naming import camel
from heidi_services.users import peer_data
from heidi_services.users.serializers import COLUMNS, person

SESSION_COLUMNS = ("id", "created_at", "rotated_at", "revoked_at", "revoked_reason", "ip", "user_agent", "label")
AUDIT_COLUMNS = ("at", "action", "outcome", "actor", "target", "detail")
EVENT_COLUMNS = ("id", "type", "subject", "data", "created_at")


def export(user_id: UUID, authorization: str) -> dict[str, Any]:
    """Own tables first; then each service is asked as the person themselves, so that it decides what may be seen.

    Raises Unavailable when a service is away: half of an answer would be a wrong one.
    """
    user = db.session.execute(select(*COLUMNS).where(User.id == user_id)).one()
    parts: dict[str, Any] = {
        "sessions": _rows(Session.__table__, SESSION_COLUMNS, Session.user_id == user_id),
        "audit": _rows(Audit.__table__, AUDIT_COLUMNS, or_(Audit.actor == str(user_id), Audit.target == str(user_id))),
        "facts": _rows(OutboxEvent.__table__, EVENT_COLUMNS, OutboxEvent.user_id == user_id),
    }
    # The connection goes back before other services are asked.
    db.session.rollback()
    parts |= peer_data.personal_data(authorization)
    return {"exportedAt": iso(utcnow()), "user": person(user), "parts": parts}


def _rows(table: Any, names: tuple[str, ...], condition: Any) -> list[dict[str, Any]]:
    found = db.session.execute(select(*(table.c[name] for name in names)).where(condition))
    return [{camel(name): _plain(value) for name, value in row._mapping.items()} for row in found]


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
