"""Export of all data that the platform stores about a user (GDPR, article 15), across all services, as one JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.identity.models import Session, User
from heidi_common.identity.personal_data import json_record
from heidi_common.interceptors.idempotency_keys import IdempotencyKey
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.schemas.fields import iso
from heidi_services.users import peer_data
from heidi_services.users.serializers import COLUMNS, serialize_user_detail
from heidi_services.users.service.permissions import user_not_found

SESSION_COLUMNS = ("id", "created_at", "rotated_at", "revoked_at", "revoked_reason", "ip", "user_agent", "label")
AUDIT_COLUMNS = ("at", "action", "outcome", "actor", "target", "detail")
RESPONSE_COLUMNS = ("route", "key", "status", "headers", "body", "expires_at")
EVENT_COLUMNS = ("id", "type", "subject", "data", "created_at")


def export_user(user_id: UUID, authorization: str) -> dict[str, Any]:
    """Collect all data about a user: first from this service's tables, then from the other services.

    The other services are called with the caller's own token, so that each of them decides what the caller may see.

    Args:
        user_id: The user.
        authorization: The `Authorization` header of the request: that of the user or of an ADMIN.

    Returns:
        The JSON object of `ExportOut`.

    Raises:
        NotFound: The user does not exist.
        Unavailable: A service is unavailable. An incomplete export is never returned.
    """
    user, parts = own_data(user_id, include_deleted=True)
    parts |= peer_data.fetch_personal_data(user_id, authorization)
    return {"exportedAt": iso(utcnow()), "user": user, "parts": parts}


def own_data(user_id: UUID, *, include_deleted: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the account, and the parts that are stored in the tables of this service. Ends the transaction.

    Raises:
        NotFound: The user does not exist, or was deleted.
    """
    statement = select(*COLUMNS).where(User.id == user_id)
    if not include_deleted:
        statement = statement.where(User.deleted_at.is_(None))
    user = db.session.execute(statement).one_or_none()
    if user is None:
        raise user_not_found()
    parts: dict[str, Any] = {
        "sessions": _rows(Session.__table__, SESSION_COLUMNS, Session.user_id == user_id),
        "audit": _rows(Audit.__table__, AUDIT_COLUMNS, or_(Audit.actor == str(user_id), Audit.target == str(user_id))),
        "storedResponses": _rows(IdempotencyKey.__table__, RESPONSE_COLUMNS, IdempotencyKey.caller_id == user_id),
        "facts": _rows(OutboxEvent.__table__, EVENT_COLUMNS, OutboxEvent.user_id == user_id),
    }
    # Returns the connection to the pool before other services are called.
    db.session.rollback()
    return serialize_user_detail(user), parts


def _rows(table: Any, names: tuple[str, ...], condition: Any) -> list[dict[str, Any]]:
    rows = db.session.execute(select(*(table.c[name] for name in names)).where(condition))
    return [json_record(row._mapping) for row in rows]
