"""Which endpoints could not be delivered to: failed deliveries, counted for each integration."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from heidi_common.database.pagination import Page
from heidi_common.database.session import db
from heidi_common.jwt.guards import Caller
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration
from heidi_services.integration.service.queries import sees_all

MAX_FAILURES = 2000
"""How many failures are counted, the latest first: about 10 ms."""


def summarize_failures(caller: Caller, since: datetime, limit: int) -> Page:
    """Count the deliveries that have failed since a time, by integration.

    Args:
        caller: A user sees their own integrations; an ADMIN and a machine client see all.
        since: The time from which failures count.
        limit: The largest number of integrations.

    Returns:
        One row for each integration, that with most failures first. The page is cut if there are more integrations or
        more than MAX_FAILURES failures.
    """
    latest = _latest_failures(_failures(None if sees_all(caller) else caller.id, since)).subquery()
    statement = (
        select(
            Integration.id.label("integration_id"),
            *(Integration.user_id, Integration.name, Integration.provider, Integration.is_active),
            *(Integration.failing_since, Integration.disabled_reason),
            *(latest.c.failed, latest.c.counted, Delivery.updated_at.label("last_failed_at")),
            *(Delivery.id.label("last_delivery_id"), Delivery.last_error, Delivery.response_status),
        )
        .join_from(latest, Integration, Integration.id == latest.c.integration_id)
        .join(Delivery, Delivery.id == latest.c.id)
        .order_by(latest.c.failed.desc(), Integration.id)
        .limit(limit + 1)
    )
    rows = list(db.session.execute(statement))
    return Page(rows[:limit], limit, is_cut=len(rows) > limit or any(row.counted >= MAX_FAILURES for row in rows))


def _failures(owner: UUID | None, since: datetime) -> Select[Any]:
    columns: tuple[Any, ...] = (Delivery.id, Delivery.integration_id, Delivery.updated_at)
    statement = select(*columns).where(Delivery.status == DeliveryStatus.FAILED, Delivery.updated_at >= since)
    if owner is not None:
        own = select(Integration.id).where(Integration.user_id == owner)
        statement = statement.where(Delivery.integration_id.in_(own))
    return statement.order_by(Delivery.updated_at.desc()).limit(MAX_FAILURES)


def _latest_failures(failures: Select[Any]) -> Select[Any]:
    """The latest failure of each integration, with the number of all of them."""
    row = failures.subquery().c
    failed = func.count().over(partition_by=row.integration_id).label("failed")
    counted = func.count().over().label("counted")
    latest = select(row.id, row.integration_id, failed, counted).ext(distinct_on(row.integration_id))
    return latest.order_by(row.integration_id, row.updated_at.desc())
