"""Addresses that get nothing any more."""

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


def suppress(channel: Channel, address: str, reason: str) -> None:
    values = {"id": uuid7(), "channel": channel, "address": address, "reason": reason}
    with transaction():
        db.session.execute(
            insert(Suppression).values(values).on_conflict_do_nothing(index_elements=["channel", "address"])
        )


def listing(filters: Mapping[str, Any], **paging: Any) -> Page:
    found = select(Suppression)
    for name, value in filters.items():
        found = found.where(getattr(Suppression, name) == value)
    return page(found, order=Suppression.created_at, descending=True, tiebreak=Suppression.id, **paging)


def remove(suppression_id: UUID) -> None:
    """Write to the address again."""
    with transaction():
        found = db.session.get(Suppression, suppression_id)
        if found is None:
            raise NotFound("There is no such suppression.")
        db.session.delete(found)
