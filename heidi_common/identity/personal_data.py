"""Personal data of a service's tables, as the export of a user's data contains it (GDPR, article 15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import ColumnElement, select

from heidi_common.database.pagination import Page, page
from heidi_common.database.totals import TotalRequest
from heidi_common.schemas.base import PageQuery, Schema
from heidi_common.schemas.fields import iso
from heidi_common.schemas.naming import camel


@dataclass(frozen=True)
class PersonalRows:
    """The rows of a table that hold data about a user.

    Attributes:
        model: The mapped class. Its primary key is `id`.
        columns: The attributes that the export contains.
        concerns: Returns the condition that a row belongs to the user with an ID.
    """

    model: Any
    columns: tuple[str, ...]
    concerns: Callable[[UUID], ColumnElement[bool]]

    def page(self, user_id: UUID, *, limit: int, cursor: str | None, total: TotalRequest = False) -> Page:
        """Read one page of a user's rows, each as a JSON object with names in camelCase."""
        names = dict.fromkeys(("id", *self.columns))
        statement = select(*(getattr(self.model, name).label(name) for name in names)).where(self.concerns(user_id))
        order = self.model.id
        paging: dict[str, Any] = {"limit": limit, "cursor": cursor, "total": total}
        rows = page(statement, order=order, descending=False, tiebreak=order, scalars=False, **paging)
        items = [{"record": json_record(row._mapping)} for row in rows.items]
        return replace(rows, items=items)


class PersonalRecordOut(Schema):
    """A row that holds data about the caller."""

    record = fields.Dict(required=True)


def part_query(parts: Mapping[str, PersonalRows]) -> type[PageQuery]:
    """Return the schema of a list's query that also names one of the parts, by default the first, and a user."""
    part = fields.String(load_default=next(iter(parts)), validate=validate.OneOf(list(parts)))
    about = "yourself; another user only within `GET /users/{id}/export`"
    user_id = fields.UUID(load_default=None, metadata={"description": about})
    query: dict[str, fields.Field[Any]] = {"part": part, "user_id": user_id}
    return cast(type[PageQuery], PageQuery.from_dict(query, name="PersonalDataQuery"))


def json_record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the columns of a row with names in camelCase and times in the format of the API."""
    return {camel(name): iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
