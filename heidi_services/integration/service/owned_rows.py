"""Lists over several integrations: the deliveries or received events of all that a caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all
from sqlalchemy.orm import aliased

from heidi_common.database import cursors
from heidi_common.database.pagination import SCANNED_ROWS, Page, newest_first, page
from heidi_common.database.session import db
from heidi_common.database.totals import count_rows
from heidi_common.jwt.guards import Caller
from heidi_services.integration.enums import DeliveryStatus
from heidi_services.integration.models import Delivery, Integration, WebhookEvent
from heidi_services.integration.service.queries import get_visible, sees_all

Row = type[Delivery] | type[WebhookEvent]


INDEXED_STATUSES = (DeliveryStatus.FAILED, DeliveryStatus.PENDING)
"""Statuses that may be rare among very many rows. Each has a partial index in the order of the list of all rows."""


def list_rows(model: Row, caller: Caller, query: Mapping[str, Any], *, names: Sequence[str]) -> Page:
    """A page of the rows that belong to the integrations of a caller, newest first; for an ADMIN those of all users.

    Args:
        model: The table.
        caller: The user or machine client that sent the request.
        query: `integration_id`, `since`, paging, and values of columns by the columns' names.
        names: The columns that the query may have.

    Raises:
        NotFound: The caller may not see the integration.
    """
    if query.get("integration_id") is not None:
        return _list_of([get_visible(query["integration_id"], caller).id], model, query, names)
    if not sees_all(caller):
        return _list_of(_own_integrations(caller), model, query, names)
    indexed = ("status",) if query.get("status") in INDEXED_STATUSES else ()
    statement = select(model).where(*_equal(model, query, indexed), *_since(model, query.get("since")))
    paging = {name: query[name] for name in ("limit", "cursor", "total")}
    filters = _equal(model, query, [name for name in names if name not in indexed])
    return page(statement, order=model.id, descending=True, tiebreak=model.id, filters=filters, **paging)


def _own_integrations(caller: Caller) -> list[UUID]:
    return list(db.session.scalars(select(Integration.id).where(Integration.user_id == caller.id)))


def _list_of(integration_ids: Sequence[UUID], model: Row, query: Mapping[str, Any], names: Sequence[str]) -> Page:
    """Read the next rows of each integration by its index, and merge them: sorting all of their rows would be slow."""
    if not integration_ids:
        return Page([], query["limit"])
    filters, since = _equal(model, query, names), _since(model, query.get("since"))
    size = SCANNED_ROWS if filters else query["limit"] + 1
    bounds = (*since, *_after(model, query["cursor"]))
    parts = [_next_rows(model, each, bounds, size) for each in integration_ids]
    row = aliased(model, union_all(*parts).subquery())
    rows = newest_first(select(row), row, {**query, "total": False}, filters=_equal(row, query, names))
    if not query["total"]:
        return rows
    counted = select(model).where(model.integration_id.in_(integration_ids), *since, *filters)
    return replace(rows, total=count_rows(counted, requested=query["total"]))


def _next_rows(model: Row, integration_id: UUID, bounds: Sequence[ColumnElement[bool]], size: int) -> Select[Any]:
    rows = select(model).where(model.integration_id == integration_id, *bounds)
    return rows.order_by(model.created_at.desc(), model.id.desc()).limit(size)


def _after(model: Row, cursor: str | None) -> list[ColumnElement[bool]]:
    """The condition on the rows after those of the page before."""
    if cursor is None:
        return []
    columns = (model.created_at, model.id)
    position = cursors.decode(cursor, cursors.list_name(model.created_at, descending=True), *columns)
    return [tuple_(*columns) < tuple_(*(literal(value, c.type) for value, c in zip(position, columns, strict=True)))]


def _equal(row: Any, query: Mapping[str, Any], names: Sequence[str]) -> list[ColumnElement[bool]]:
    return [getattr(row, name) == query[name] for name in names if query.get(name) is not None]


def _since(model: Row, since: datetime | None) -> list[ColumnElement[bool]]:
    return [] if since is None else [model.created_at >= since]
