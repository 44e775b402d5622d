"""The log of an integration: all incoming and outgoing requests, redacted by the callers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from heidi_common.database.models import utcnow
from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.integration.models import Integration, IntegrationLog
from heidi_services.integration.service.deliveries.webhook_client import WebhookResponse

MAX_REJECTIONS_PER_MINUTE = 60
MAX_BODY_LENGTH = 1000


def record(integration_id: UUID, direction: str, action: str, status: str, **fields: Any) -> None:
    """Add an entry in the caller's transaction.

    Args:
        integration_id: The integration.
        direction: `IN` or `OUT`.
        action: What the request was for, e.g. `webhook`, `forward`, `test` or `sync`.
        status: `SUCCESS`, `FAILED` or `REFUSED`.
        fields: `status_code`, `duration_ms`, `request`, `response`, `error`.
    """
    with transaction():
        entry = IntegrationLog(
            integration_id=integration_id, direction=direction, action=action, status=status, **fields
        )
        db.session.add(entry)


def record_rejected_webhook(integration_id: UUID, reason: str, request: dict[str, Any], status: int) -> None:
    """Add an entry for a webhook or a challenge that was rejected with `status`, at most 60 per minute.

    The limit exists because anyone can cause these entries. The transaction is a separate one.
    """
    with transaction():
        if _rejections_of_last_minute(integration_id) < MAX_REJECTIONS_PER_MINUTE:
            record(integration_id, "IN", "webhook", "REFUSED", status_code=status, request=request, error=reason)


def _rejections_of_last_minute(integration_id: UUID) -> int:
    recent = (
        select(IntegrationLog.status)
        .where(IntegrationLog.integration_id == integration_id)
        .where(IntegrationLog.created_at > utcnow() - timedelta(minutes=1))
        .subquery()
    )
    return db.session.scalar(select(func.count()).select_from(recent).where(recent.c.status == "REFUSED")) or 0


def record_call(
    integration_id: UUID, action: str, response: WebhookResponse, *, ok: bool, request: dict[str, Any] | None = None
) -> None:
    """Add an entry for an outgoing request in the caller's transaction."""
    record(
        integration_id,
        "OUT",
        action,
        "SUCCESS" if ok else "FAILED",
        status_code=response.status_code,
        duration_ms=response.duration_ms,
        request=request,
        response={"body": response.body[:MAX_BODY_LENGTH]} if response.body else None,
        error=response.error,
    )


def record_call_unless_deleted(integration_id: UUID, action: str, response: WebhookResponse, *, ok: bool) -> None:
    """Add an entry for an outgoing request, unless the integration was deleted during the request."""
    with transaction():
        if db.session.get(Integration, integration_id, with_for_update={"read": True, "key_share": True}) is not None:
            record_call(integration_id, action, response, ok=ok)


def list_log_entries(integration_id: UUID, query: dict[str, Any]) -> Page:
    """A page of the log of an integration, newest first."""
    statement = select(IntegrationLog).where(IntegrationLog.integration_id == integration_id)
    names = (name for name in ("direction", "action", "status") if query.get(name) is not None)
    filters = [getattr(IntegrationLog, name) == query[name] for name in names]
    return newest_first(statement, IntegrationLog, query, filters=filters)
