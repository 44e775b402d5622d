"""Reading people: one, or a page of them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.text_search import plain_letters
from heidi_common.identity.models import Role, User
from heidi_common.identity.serializers import AnyRow
from heidi_common.jwt.guards import Caller
from heidi_common.problems import NotFound
from heidi_services.users.serializers import COLUMNS

ORDERS = {"createdAt": User.created_at, "email": User.email}
STAFF = (Role.ADMIN, Role.MODERATOR)
BY_ID = CompiledStatement(select(*COLUMNS).where(User.id == bindparam("user_id"), User.deleted_at.is_(None)))


def get(caller: Caller, user_id: UUID) -> AnyRow:
    """Oneself, or anybody for staff; for others nobody else exists."""
    if caller.id != user_id and caller.role not in STAFF:
        raise not_found()
    row: AnyRow | None = BY_ID.first(user_id=user_id)
    if row is None:
        raise not_found()
    return row


def find(who: UUID | str, *, deleted: bool = False) -> User | None:
    """By id or by normalised e-mail; with `deleted` the one deleted or deactivated last."""
    statement = select(User).where(User.id == who if isinstance(who, UUID) else User.email == who)
    gone = User.deleted_at.is_not(None)
    statement = statement.where(gone | ~User.is_active if deleted else ~gone)
    return db.session.scalars(statement.order_by(User.deleted_at.desc().nulls_last()).limit(1)).first()


def listed(query: dict[str, Any]) -> Page:
    """A page of people, newest first unless told otherwise."""
    statement, values = filtered(query)
    sort = query["sort"]
    return page(
        statement,
        order=ORDERS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        tiebreak=User.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
        values=values,
    )


def filtered(query: dict[str, Any]) -> tuple[Select[*tuple[Any, ...]], dict[str, Any]]:
    """Those whom a query means, in no order: one of few statements, and its values."""
    given = {name: query[name] for name in (*_FILTERS, "is_active") if name in query}
    if "is_active" in given:
        # Written so that the partial index of the inactive ones is seen.
        given["active" if given.pop("is_active") else "inactive"] = True
    if "q" in given:
        given["q"] = pattern(given["q"])
    return _filtered(query["include_deleted"], frozenset(given)), given


_FILTERS: dict[str, ColumnElement[bool]] = {
    "role": User.role == bindparam("role"),
    "active": User.is_active.expression,
    "inactive": ~User.is_active,
    "created_from": User.created_at >= bindparam("created_from"),
    "created_to": User.created_at < bindparam("created_to"),
    "q": User.search.like(bindparam("q"), escape="\\"),
}


@cache
def _filtered(include_deleted: bool, names: frozenset[str]) -> Select[*tuple[Any, ...]]:
    statement = select(*COLUMNS).where(*(_FILTERS[name] for name in sorted(names)))
    return statement if include_deleted else statement.where(User.deleted_at.is_(None))


_TRIGRAM = re.compile(r"[^\W_]{3}")


def pattern(q: str) -> str:
    """Three letters or digits in a row are found anywhere, less at the beginning of a word: so trigrams can help."""
    letters = " ".join(plain_letters(q).split())
    wanted = letters.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{wanted}%" if _TRIGRAM.search(letters) else f"% {wanted}%"


def not_found() -> NotFound:
    return NotFound("There is no such user.")
