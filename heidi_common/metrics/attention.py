"""What needs an operator's attention. Each service reports its own problems; core collects them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from marshmallow import fields
from sqlalchemy import Select, func, select

from heidi_common.database.session import db
from heidi_common.schemas.base import Schema
from heidi_common.schemas.fields import UtcDateTime

MAX_COUNT = 10_000
RECENT = timedelta(days=1)
"""Older failures are in the lists, but operators need not act on them."""


@dataclass(frozen=True)
class AttentionItem:
    """A kind of problem.

    Attributes:
        kind: What is wrong, such as `failedMessages`.
        count: The number of rows that have the problem, at most MAX_COUNT.
        since: When the oldest of them got it.
        link: The URL of the list of these rows.
        subject: What the problem is about, if there are several items of one kind.
    """

    kind: str
    count: int
    since: datetime | None
    link: str
    subject: str | None = None


class AttentionOut(Schema):
    """A problem that an operator should look at."""

    kind = fields.String(
        required=True,
        metadata={
            "description": "failedMessages, deadLetters, failingSchedules, downMonitors, disabledEndpoints,"
            " failingEndpoints, failedDeliveries, failedOperations, or waitingWork"
        },
    )
    subject = fields.String(
        required=True, allow_none=True, metadata={"description": "the kind of work of `waitingWork`; otherwise null"}
    )
    count = fields.Integer(required=True, metadata={"description": f"at most {MAX_COUNT}: further ones do not count"})
    since = UtcDateTime(required=True, allow_none=True, metadata={"description": "the time of the oldest one"})
    link = fields.String(required=True, metadata={"description": "URL of the list of what has the problem"})


def attention_item(kind: str, link: str, times: Select[datetime | None]) -> AttentionItem:
    """Count rows with a problem.

    Args:
        kind: As in `AttentionItem`.
        link: As in `AttentionItem`.
        times: Selects when each row got the problem, by an index in this order.
    """
    column = times.selected_columns[0]
    oldest = times.order_by(column).limit(MAX_COUNT).subquery()
    counted = db.session.execute(select(func.count(), func.min(oldest.c[0])).select_from(oldest)).one()
    return AttentionItem(kind, counted[0], counted[1], link)


def present(items: Iterable[AttentionItem]) -> list[AttentionItem]:
    """Leave out the problems that no row has."""
    return [item for item in items if item.count]
