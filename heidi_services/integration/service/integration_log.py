"""IntegrationLog: every call in and out, redacted before it is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import delete_in_batches, transaction
from heidi_services.integration.models import IntegrationLog

REFUSALS_PER_MINUTE = 60
KEPT = timedelta(days=30)


def note(integration_id: UUID, direction: str, action: str, status: str, **fields: Any) -> None:
    """Add a line in the caller's transaction. `fields`: status_code, duration_ms, request, response, error."""
    with transaction():
        line = IntegrationLog(
            integration_id=integration_id, direction=direction, action=action, status=status, **fields
        )
        db.session.add(line)


def note_refusal(integration_id: UUID, status_code: int, reason: str, request: dict[str, Any]) -> None:
    """In a transaction of its own. Strangers cause these lines, so a flood of them fills no disk."""
    with transaction():
        if _refusals_of_last_minute(integration_id) < REFUSALS_PER_MINUTE:
            note(integration_id, "IN", "webhook", "REFUSED", status_code=status_code, request=request, error=reason)


def _refusals_of_last_minute(integration_id: UUID) -> int:
    recent = (
        select(IntegrationLog.status)
        .where(IntegrationLog.integration_id == integration_id)
        .where(IntegrationLog.created_at > utcnow() - timedelta(minutes=1))
        .subquery()
    )
    return db.session.scalar(select(func.count()).select_from(recent).where(recent.c.status == "REFUSED")) or 0


def listed(integration_id: UUID, query: dict[str, Any]) -> Page:
    statement = select(IntegrationLog).where(IntegrationLog.integration_id == integration_id)
    for name in ("direction", "action", "status"):
        if query.get(name) is not None:
            statement = statement.where(getattr(IntegrationLog, name) == query[name])
    return page(
        statement,
        order=IntegrationLog.created_at,
        descending=True,
        tiebreak=IntegrationLog.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
    )


def prune(now: datetime | None = None) -> None:
    """Old lines go."""
    delete_in_batches(IntegrationLog, IntegrationLog.created_at < (now or utcnow()) - KEPT)
