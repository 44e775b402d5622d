"""Suppressed addresses, to which nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.problems import NotFound
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Suppression


def suppress_address(channel: Channel, address: str, reason: str) -> None:
    """Suppress an address. An existing suppression keeps its reason."""
    values = {"id": uuid7(), "channel": channel, "address": address, "reason": reason}
    statement = insert(Suppression).values(values)
    with transaction():
        db.session.execute(statement.on_conflict_do_nothing(index_elements=["channel", "address"]))


def list_suppressions(filters: Mapping[str, Any], **paging: Any) -> Page:
    """List suppressions, latest first; `filters` are values of columns."""
    statement = select(Suppression)
    for name, value in filters.items():
        statement = statement.where(getattr(Suppression, name) == value)
    return page(statement, order=Suppression.created_at, descending=True, tiebreak=Suppression.id, **paging)


def remove_suppression(suppression_id: UUID) -> None:
    """Allow sending to the address again; raises NotFound."""
    with transaction():
        suppression = db.session.get(Suppression, suppression_id)
        if suppression is None:
            raise NotFound("Suppression not found.")
        db.session.delete(suppression)
