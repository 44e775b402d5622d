"""Keyset paging: any depth costs the same, and the cursor is signed, so that nobody makes one up."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from itsdangerous import BadSignature, Signer
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from heidi_common.db import db, reading
from heidi_common.problems import BadRequest
from heidi_common.runtime import runtime


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
) -> Page:
    """Run `statement` for one page, ordered by `order` then `tiebreak` (a unique column).

    `order` must not be NULL in the rows of the statement. With `scalars=False` each item is a row that must have the
    two columns under their own keys.
    """
    count = db.session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) if total else None
    name = f"{order.key}{'-' if descending else '+'}"
    if cursor is not None:
        after = _open(cursor, name)
        pair = tuple_(order, tiebreak)
        bound = tuple_(*(_typed(value, column) for value, column in zip(after, (order, tiebreak), strict=True)))
        statement = statement.where(pair < bound if descending else pair > bound)
    columns = (order, tiebreak) if order is not tiebreak else (order,)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    rows = _entities(statement.limit(limit + 1)) if scalars else _rows(statement.limit(limit + 1))
    more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1] if more else None
    following = None if last is None else _seal([getattr(last, order.key), getattr(last, tiebreak.key)], name)
    return Page(items=rows, limit=limit, next_cursor=following, total=count)


def _entities(statement: Select[Any]) -> list[Any]:
    return list(db.session.scalars(statement))


def _rows(statement: Select[Any]) -> list[Any]:
    """Plain rows belong to no session: one round trip."""
    with reading() as connection:
        return list(connection.execute(statement).all())


def _signer() -> Signer:
    return Signer(runtime().settings.secret_key, salt="cursor", key_derivation="hmac", digest_method=hashlib.sha256)


def _seal(values: list[Any], name: str) -> str:
    raw = orjson.dumps([name, *values])
    return _signer().sign(base64.urlsafe_b64encode(raw).rstrip(b"=")).decode()


def _open(cursor: str, name: str) -> list[Any]:
    try:
        raw = _signer().unsign(cursor.encode())
        found: list[Any] = orjson.loads(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
    except (BadSignature, ValueError):
        raise BadRequest("The cursor is not one of ours.", code="bad_cursor") from None
    if found[0] != name:
        raise BadRequest("The cursor belongs to another order of this list.", code="bad_cursor")
    return found[1:]


def _typed(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    """JSON back to what the column holds."""
    kind = column.type.python_type
    if kind is datetime:
        return datetime.fromisoformat(value)
    return UUID(value) if kind is UUID else value
