"""Read users: a single one, or a page of a filtered and searched list."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, bindparam, func, select

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.pagination import Page, page
from heidi_common.database.session import db
from heidi_common.database.text_search import plain_letters
from heidi_common.identity.email_lookup import by_email
from heidi_common.identity.models import User
from heidi_common.identity.serializers import AnyRow
from heidi_common.jwt.guards import Caller
from heidi_services.users.serializers import COLUMNS
from heidi_services.users.service.permissions import require_read_permission, user_not_found

ORDERS = {"createdAt": User.created_at, "email": User.email}
_BY_ID = CompiledStatement(
    select(*COLUMNS).where(User.id == bindparam("user_id"), User.deleted_at.is_(None)), prepared=True
)


def get_user(caller: Caller, user_id: UUID) -> AnyRow:
    """Read a user that is not deleted.

    Raises:
        NotFound: The user does not exist, or the caller is neither that user nor staff.
    """
    require_read_permission(caller, user_id)
    row: AnyRow | None = _BY_ID.first(user_id=user_id)
    if row is None:
        raise user_not_found()
    return row


def find_user(id_or_email: UUID | str, *, deleted: bool = False) -> User | None:
    """Find a user by ID or by e-mail address.

    Args:
        id_or_email: The ID or the address.
        deleted: Find deleted or deactivated users instead; of several, the one that was deleted last.

    Raises:
        ValueError: The text is not an e-mail address.
    """
    is_deleted = User.deleted_at.is_not(None)
    users = select(User).where(is_deleted | ~User.is_active if deleted else ~is_deleted)
    statement = users.where(User.id == id_or_email) if isinstance(id_or_email, UUID) else by_email(users, id_or_email)
    return db.session.scalars(statement.order_by(User.deleted_at.desc().nulls_last()).limit(1)).first()


def list_users(query: dict[str, Any]) -> Page:
    """Read a page of the users that match a query.

    Args:
        query: The parameters of `UserListQuery`; `sort`, `limit`, `cursor`, `total` and `include_deleted` are required.

    Returns:
        A page of rows with COLUMNS.
    """
    statement, values = filter_statement(query)
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


def filter_statement(query: dict[str, Any]) -> tuple[Select[*tuple[Any, ...]], dict[str, Any]]:
    """Build the statement that selects the users that match a query, in no particular order.

    Returns:
        One of a small number of cached statements, so that its compiled form is reused, and its parameters.
    """
    values = {name: query[name] for name in (*_FILTERS, "is_active") if name in query}
    if "is_active" in values:
        # Two conditions instead of a parameter: PostgreSQL uses the partial index only for a literal `NOT is_active`.
        values["active" if values.pop("is_active") else "inactive"] = True
    if "q" in values:
        values |= {"q": search_pattern(values["q"]), "q_alias": search_pattern(values["q"].replace(",", ""))}
    return _statement(query["include_deleted"], frozenset(_FILTERS.keys() & values.keys())), values


_ALIASES = func.user_search_aliases(User.first_name, User.last_name, User.email)
"""`Last First` and the Unicode form of the domain, in plain letters. The index hx_users_search_aliases is on it."""
_FILTERS: dict[str, ColumnElement[bool]] = {
    "role": User.role == bindparam("role"),
    "active": User.is_active.expression,
    "inactive": ~User.is_active,
    "created_from": User.created_at >= bindparam("created_from"),
    "created_to": User.created_at < bindparam("created_to"),
    "q": User.search.like(bindparam("q"), escape="\\") | _ALIASES.like(bindparam("q_alias"), escape="\\"),
    "ids": User.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
}


@cache
def _statement(include_deleted: bool, names: frozenset[str]) -> Select[*tuple[Any, ...]]:
    statement = select(*COLUMNS).where(*(_FILTERS[name] for name in sorted(names)))
    return statement if include_deleted else statement.where(User.deleted_at.is_(None))


_TRIGRAM = re.compile(r"[^\W_]{3}")


def search_pattern(q: str) -> str:
    """Convert a search query into a LIKE pattern that the trigram index supports.

    A query with three letters or digits in a row matches anywhere, a shorter one only at the beginning of a word.
    """
    letters = " ".join(plain_letters(q).split())
    escaped = letters.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%" if _TRIGRAM.search(letters) else f"% {escaped}%"
