"""Keyset paging: any depth costs the same, and the cursor is signed, so that nobody makes one up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from secrets import compare_digest
from typing import Any
from uuid import UUID

import orjson
from flask import has_request_context, request
from sqlalchemy import Integer, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.crypto import base64url
from heidi_common.crypto.signing import signer
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import reading
from heidi_common.problems import BadRequest, FieldError


@dataclass(frozen=True)
class Page:
    """One page of a list; `total` only when it was asked for."""

    items: list[Any]
    limit: int
    next_cursor: str | None = None
    total: int | None = None

    @property
    def meta(self) -> dict[str, Any]:
        found = {"limit": self.limit, "hasMore": self.next_cursor is not None, "nextCursor": self.next_cursor}
        return found | ({} if self.total is None else {"total": self.total})


def page(
    statement: Select[Any],
    *,
    order: InstrumentedAttribute[Any],
    descending: bool,
    tiebreak: InstrumentedAttribute[Any],
    limit: int,
    cursor: str | None,
    total: bool = False,
    scalars: bool = True,
    values: Mapping[str, Any] | None = None,
) -> Page:
    """Run `statement` for one page, ordered by `order` then `tiebreak` (a unique column).

    `order` must not be NULL in the rows of the statement. With `scalars=False` each item is a row that must have the
    two columns under their own keys. With `values` the statement is one of few that are kept and take their values by
    name: such a page is compiled once (see `direct`), and its items are rows.
    """
    name = f"{_list()} {order.key}{'-' if descending else '+'}"
    bounds = {} if cursor is None else dict(zip(BOUNDS, _bounds(cursor, name, order, tiebreak), strict=True))
    if values is not None:
        compiled = _compiled(statement, order, descending, tiebreak, following=bool(bounds))
        rows = compiled.all(**values, **bounds, page_size=limit + 1)
    else:
        ordered = _ordered(statement, order, descending, tiebreak, following=bool(bounds))
        rows = (_entities if scalars else _rows)(ordered, bounds | {"page_size": limit + 1})
    more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1] if more else None
    following = None if last is None else _seal([getattr(last, order.key), getattr(last, tiebreak.key)], name)
    return Page(items=rows, limit=limit, next_cursor=following, total=_count(statement, values) if total else None)


BOUNDS = ("page_after", "page_after_tiebreak")


def _ordered(
    statement: Select[Any],
    order: InstrumentedAttribute[Any],
    descending: bool,
    tiebreak: InstrumentedAttribute[Any],
    *,
    following: bool,
) -> Select[Any]:
    """The statement of a page: the first one, or one that follows BOUNDS."""
    if following:
        pair = tuple_(order, tiebreak)
        bound = tuple_(*(bindparam(name, type_=c.type) for name, c in zip(BOUNDS, (order, tiebreak), strict=True)))
        statement = statement.where(pair < bound if descending else pair > bound)
    columns = (order, tiebreak) if order is not tiebreak else (order,)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    return statement.limit(bindparam("page_size", type_=Integer))


@lru_cache(maxsize=512)
def _compiled(statement: Select[Any], *rest: Any, following: bool) -> CompiledStatement:
    return CompiledStatement(_ordered(statement, *rest, following=following))


def _count(statement: Select[Any], values: Mapping[str, Any] | None) -> int | None:
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    return db.session.scalar(counted, dict(values or {}))


def _entities(statement: Select[Any], values: dict[str, Any]) -> list[Any]:
    return list(db.session.scalars(statement, values))


def _rows(statement: Select[Any], values: dict[str, Any]) -> list[Any]:
    """Plain rows belong to no session: one round trip."""
    with reading() as connection:
        return list(connection.execute(statement, values).all())


def _bounds(
    cursor: str, name: str, order: InstrumentedAttribute[Any], tiebreak: InstrumentedAttribute[Any]
) -> Iterator[Any]:
    return (_typed(value, column) for value, column in zip(_open(cursor, name), (order, tiebreak), strict=True))


def _list() -> str:
    """Which list is asked for: a place in one means nothing in another, nor in that of another owner."""
    return request.path.rstrip("/") if has_request_context() else ""


def _seal(values: list[Any], name: str) -> str:
    return _signed(base64url.encode(orjson.dumps([name, *values])))


def _signed(raw: str) -> str:
    return signer("cursor").sign(raw.encode(errors="replace")).decode()


def _open(cursor: str, name: str) -> list[Any]:
    raw = cursor.rpartition(".")[0]
    # Compared as a whole: reading a signature as base64 would pass over characters that do not belong to it.
    if not compare_digest(_signed(raw).encode(), cursor.encode(errors="replace")):
        raise _bad("This is not one of ours.")
    found: list[Any] = orjson.loads(base64url.decode(raw))
    if found[0] != name:
        raise _bad("This belongs to another list, or to another order of this one.")
    return found[1:]


def _bad(detail: str) -> BadRequest:
    error = FieldError("/query/cursor", detail)
    return BadRequest(str(error), code="bad_cursor", errors=[error])


def _typed(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    """JSON back to what the column holds."""
    kind = column.type.python_type
    if kind is datetime:
        return datetime.fromisoformat(value)
    return UUID(value) if kind is UUID else value
