"""Reading people: one, or a page of them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from heidi_common.accounts import AnyRow
from heidi_common.db import db
from heidi_common.direct import Direct
from heidi_common.guards import Caller
from heidi_common.identity import Role, User
from heidi_common.paging import Page, page
from heidi_common.problems import NotFound
from heidi_services.users.present import COLUMNS

ORDERS = {"createdAt": User.created_at, "email": User.email}
STAFF = (Role.ADMIN, Role.MODERATOR)
BY_ID = Direct(select(*COLUMNS).where(User.id == bindparam("user_id"), User.deleted_at.is_(None)))


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
    sort = query["sort"]
    return page(
        filtered(query),
        order=ORDERS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        tiebreak=User.id,
        limit=query["limit"],
        cursor=query["cursor"],
        total=query["total"],
        scalars=False,
    )


def filtered(query: dict[str, Any]) -> Select[*tuple[Any, ...]]:
    statement = select(*COLUMNS)
    if not query["include_deleted"]:
        statement = statement.where(User.deleted_at.is_(None))
    if "role" in query:
        statement = statement.where(User.role == query["role"])
    if "is_active" in query:
        # Written so that the partial index of the inactive ones is seen.
        statement = statement.where(User.is_active if query["is_active"] else ~User.is_active)
    if "created_from" in query:
        statement = statement.where(User.created_at >= query["created_from"])
    if "created_to" in query:
        statement = statement.where(User.created_at < query["created_to"])
    if "q" in query:
        statement = statement.where(User.search.like(pattern(query["q"]), escape="\\"))
    return statement


_TRIGRAM = re.compile(r"[^\W_]{3}")


def pattern(q: str) -> str:
    """Three letters or digits in a row are found anywhere, less at the beginning of a word: so trigrams can help."""
    plain = q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%" if _TRIGRAM.search(q) else f"% {plain}%"


def not_found() -> NotFound:
    return NotFound("There is no such user.")
