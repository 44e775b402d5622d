"""List and read deliveries on behalf of the integration's owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from heidi_common.database.pagination import Page, newest_first
from heidi_common.database.session import db
from heidi_common.problems import NotFound
from heidi_services.integration.models import Delivery


def list_deliveries(integration_id: UUID, query: dict[str, Any]) -> Page:
    """A page of the deliveries of an integration, newest first."""
    statement: Select[Any] = select(Delivery).where(Delivery.integration_id == integration_id)
    names = (name for name in ("status", "event_type") if query.get(name) is not None)
    filters = [getattr(Delivery, name) == query[name] for name in names]
    return newest_first(statement, Delivery, query, filters=filters)


def get_delivery(integration_id: UUID, delivery_id: UUID, *, lock: bool = False) -> Delivery:
    """Read a delivery with its attempts; with `lock`, lock its row instead of reading the attempts.

    Raises:
        NotFound: The integration has no such delivery.
    """
    options = [] if lock else [selectinload(Delivery.attempt_log)]
    delivery = db.session.get(
        Delivery, delivery_id, options=options, with_for_update=lock or None, populate_existing=lock
    )
    if delivery is None or delivery.integration_id != integration_id:
        raise NotFound("Delivery not found in this integration.")
    return delivery
