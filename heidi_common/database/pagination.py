"""Keyset pagination: every page costs the same, and cursors are signed, so that clients cannot make them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.util import ClauseAdapter

from heidi_common.database import cursors
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.totals import Total, TotalRequest, count_rows
from heidi_common.database.transactions import reading

SCANNED_ROWS = 2000
"""How many rows one page of a list with `filters` reads at most: 1 to 3 ms."""


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        items: Entities or rows, at most `limit`.
        limit: The size of the page that was requested.
        next_cursor: The cursor of the next page; None on the last page.
        total: The number of items on all pages, if it was requested.
        is_cut: Whether there are further items although there is no next page.
    """

    items: list[Any]
    limit: int
    next_cursor: str | None = None
    total: Total | None = None
    is_cut: bool = False

    @property
    def has_more(self) -> bool:
        """Whether there are further items."""
        return self.is_cut or self.next_cursor is not None

    @property
    def meta(self) -> dict[str, Any]:
        """The `meta` object of the response."""
        meta = {"limit": self.limit, "hasMore": self.has_more, "nextCursor": self.next_cursor}
        if self.total is None:
            return meta
        return meta | {"total": self.total.count, "totalIsEstimate": self.total.is_estimate}


def page(
    statement: Select[Any],
    *,
    order: InstrumentedAttribute[Any],
    descending: bool,
    tiebreak: InstrumentedAttribute[Any],
    limit: int,
    cursor: str | None,
    total: TotalRequest = False,
    scalars: bool = True,
    values: Mapping[str, Any] | None = None,
    filters: Sequence[ColumnElement[bool]] = (),
) -> Page:
    """Execute `statement` for one page.

    Args:
        statement: The unordered list. With `values` it must come from a small set of statements that are reused,
            because each is compiled once (see `compiled`).
        order: The column to sort by. It must not be NULL in the rows of the statement.
        descending: Whether `order` and `tiebreak` are sorted in descending order.
        tiebreak: A unique column that sorts rows with equal `order`.
        limit: The number of items of a page.
        cursor: The `nextCursor` of the page before; None for the first page.
        total: Whether to count the items of all pages, and whether exactly (see `totals`).
        scalars: Whether items are entities. Otherwise they are rows, which must have both columns under their keys.
        values: The values of the statement's parameters, by name. Items are then rows.
        filters: Further conditions, which no index supports. A page reads at most SCANNED_ROWS rows to find items that
            match; it may therefore have fewer items than `limit`, or none, although there are further pages. Only for
            lists of entities.

    Source of the short pages: AIP-158, https://google.aip.dev/158.

    Returns:
        The page, with the cursor of the next one.

    Raises:
        BadRequest: `bad_cursor`. The cursor was changed, or belongs to another list or sort order.
    """
    list_name = cursors.list_name(order, descending)
    position = None if cursor is None else cursors.decode(cursor, list_name, order, tiebreak)
    bounds = {} if position is None else dict(zip(_BOUNDS, position, strict=True))
    if values is not None:
        compiled = _compiled(statement, order, descending, tiebreak, continued=bool(bounds))
        rows = compiled.all(**values, **bounds, page_size=limit + 1)
    else:
        ordered = _ordered(statement, order, descending, tiebreak, continued=bool(bounds))
        selected = _filtered(ordered, filters, order, descending, tiebreak) if filters else ordered
        rows = (_entities if scalars else _rows)(selected, bounds | {"page_size": limit + 1})
    last = rows[limit - 1] if len(rows) > limit else None
    if last is None and filters:
        last = _last_scanned(ordered, order, tiebreak, bounds)
    next_cursor = last and cursors.encode(list_name, getattr(last, order.key), getattr(last, tiebreak.key))
    counted = count_rows(statement.where(*filters), values, requested=total) if total else None
    return Page(rows[:limit], limit, next_cursor, counted)


def newest_first(
    statement: Select[Any], model: Any, query: Mapping[str, Any], *, filters: Sequence[ColumnElement[bool]] = ()
) -> Page:
    """A page of an entity's rows, newest first.

    Args:
        statement: Selects the rows of `model`.
        model: The entity, which has `created_at` and `id`.
        query: What `PageQuery` has parsed: limit, cursor and total.
        filters: As in `page`.
    """
    return page(
        statement,
        order=model.created_at,
        descending=True,
        tiebreak=model.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
        filters=filters,
    )


_BOUNDS = ("page_after", "page_after_tiebreak")
"""The parameters of a continued page: `order` and `tiebreak` of the last row of the page before."""


def _ordered(
    statement: Select[Any],
    order: InstrumentedAttribute[Any],
    descending: bool,
    tiebreak: InstrumentedAttribute[Any],
    *,
    continued: bool,
) -> Select[Any]:
    """The statement of a page: the first page, or one that begins after _BOUNDS."""
    if continued:
        pair = tuple_(order, tiebreak)
        bound = tuple_(*(bindparam(name, type_=c.type) for name, c in zip(_BOUNDS, (order, tiebreak), strict=True)))
        statement = statement.where(pair < bound if descending else pair > bound)
    columns = (order, tiebreak) if order is not tiebreak else (order,)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    return statement.limit(bindparam("page_size", type_=Integer))


def _filtered(
    ordered: Select[Any],
    filters: Sequence[ColumnElement[bool]],
    order: InstrumentedAttribute[Any],
    descending: bool,
    tiebreak: InstrumentedAttribute[Any],
) -> Select[Any]:
    """Select the rows that match among the next SCANNED_ROWS rows of an ordered list of entities."""
    window = ordered.limit(SCANNED_ROWS).subquery()
    row = aliased(ordered.column_descriptions[0]["entity"], window)
    adapter = ClauseAdapter(window)
    columns = (getattr(row, column.key) for column in (order, tiebreak))
    sorting = (column.desc() if descending else column.asc() for column in columns)
    matching = select(row).where(*(adapter.traverse(condition) for condition in filters))
    return matching.order_by(*sorting).limit(bindparam("page_size", type_=Integer))


def _last_scanned(ordered: Select[Any], order: Any, tiebreak: Any, bounds: dict[str, Any]) -> Any:
    """Read the position of the last row that a page with filters has read; None if the list ends before it."""
    position = ordered.with_only_columns(order, tiebreak, maintain_column_froms=True).offset(SCANNED_ROWS - 1)
    return db.session.execute(position, bounds | {"page_size": 1}).first()


@lru_cache(maxsize=512)
def _compiled(statement: Select[Any], *sorting: Any, continued: bool) -> CompiledStatement:
    return CompiledStatement(_ordered(statement, *sorting, continued=continued))


def _entities(statement: Select[Any], values: dict[str, Any]) -> list[Any]:
    return list(db.session.scalars(statement, values))


def _rows(statement: Select[Any], values: dict[str, Any]) -> list[Any]:
    """Read rows on a connection outside of the session: one round trip."""
    with reading() as connection:
        return list(connection.execute(statement, values).all())
