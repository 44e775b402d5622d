"""List the notifications of all users, for operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select

from heidi_common.database.pagination import Page, page
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import AGE, Notification
from heidi_services.notification.service.queries import UNREAD

INDEXED_STATUSES = (NotificationStatus.FAILED, NotificationStatus.PENDING)
"""Statuses that may be rare among very many rows. Each has a partial index in the order of the list."""


def list_all(query: Mapping[str, Any], **paging: Any) -> Page:
    """List notifications, newest first.

    The order is that of the IDs: an index on `created_at` could make the lists of single users read the rows of all.

    Args:
        query: `unread` and `since`, and values of columns by the columns' names. None selects nothing.
        paging: As in `page`.
    """
    values = {name: value for name, value in query.items() if value is not None and name not in ("since", "unread")}
    indexed = {name: value for name, value in values.items() if _is_indexed(name, value)}
    filters = [getattr(Notification, name) == value for name, value in values.items() if name not in indexed]
    statement = select(Notification).where(*(getattr(Notification, name) == value for name, value in indexed.items()))
    if query.get("since") is not None:
        statement = statement.where(_created_since(query["since"]))
    if query.get("unread"):
        filters.append(UNREAD)
    identity = Notification.id
    return page(statement, order=identity, descending=True, tiebreak=identity, filters=filters, **paging)


def _is_indexed(name: str, value: Any) -> bool:
    return name in ("batch_id", "template") or (name == "status" and value in INDEXED_STATUSES)


def _created_since(since: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = func.timezone("UTC", since) <= AGE
    return condition
