"""How much work waits, and for how long: one row for each kind of work.

Each count stops at LARGEST, and the oldest row is found by an index, so that the cost does not grow with the backlog or
with the number of finished rows.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, literal, literal_column, null, select, text, union_all
from sqlalchemy.sql.selectable import CompoundSelect

from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import JobMixin
from heidi_common.messaging.outbox import OutboxEvent

LARGEST = 100_000
"""Counts do not exceed this number: reading as many entries of an index takes about 10 ms."""


LATER = timedelta(hours=3)
"""A message with a later due time was scheduled, rather than delayed by failures, whose pauses reach two hours."""


class WaitingWork(NamedTuple):
    """The work of one kind.

    Attributes:
        kind: The `work` of the model (`notifications`, `runs`, ...); `outbox`; `dead`: dead letters.
        number: Rows that are not finished, due or not, at most LARGEST.
        number_later: Those of them that are due in more than LATER, at most LARGEST.
        oldest_seconds: For how long the oldest due row has been due; 0 if none is due.
    """

    kind: str
    number: int
    number_later: int
    oldest_seconds: float


def read_waiting_work(connection: Connection) -> list[WaitingWork]:
    """Read the waiting work of all kinds, in the connection's transaction.

    After a large backlog the planner's statistics can be out of date for minutes; a scan of the whole table is
    therefore ruled out.
    """
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    rows = [row for statement in _statements() for row in connection.execute(statement)]
    return [WaitingWork(row.kind, row.number, row.later, float(row.seconds)) for row in rows]


@cache
def _statements() -> tuple[CompoundSelect[Any], CompoundSelect[Any]]:
    jobs = [model for model in JobMixin.__subclasses__() if model is not Inbox]
    return union_all(*map(_of_jobs, jobs), _of_events()), union_all(_of_jobs(Inbox), _of_dead_letters())


def _of_jobs(model: Any) -> Select[Any]:
    is_open = model.status == literal_column(f"'{model.open_status}'")  # a literal, for the partial index
    oldest = select(model.oldest_due()).where(is_open).scalar_subquery()
    rows: Select[Any] = select(literal_column("1")).select_from(model).where(is_open)
    later = rows.where(model.is_due_after(func.now() + LATER))
    return _row(model.work, rows, oldest, later)


def _of_dead_letters() -> Select[Any]:
    is_dead = Inbox.status == literal_column("'dead'")
    return _row("dead", select(literal_column("1")).select_from(Inbox).where(is_dead), null())


def _of_events() -> Select[Any]:
    unsent = OutboxEvent.sent_at.is_(None)
    oldest = select(OutboxEvent.created_at).where(unsent).order_by(OutboxEvent.id).limit(1).scalar_subquery()
    return _row("outbox", select(literal_column("1")).select_from(OutboxEvent).where(unsent), oldest)


def _row(kind: str, rows: Select[Any], oldest: Any, later: Select[Any] | None = None) -> Select[Any]:
    number = _number(rows).label("number")
    number_later = (literal_column("0") if later is None else _number(later)).label("later")
    seconds = func.greatest(func.coalesce(func.extract("epoch", func.now() - oldest), 0), 0)
    return select(literal(kind).label("kind"), number, number_later, seconds.label("seconds"))


def _number(rows: Select[Any]) -> Any:
    return select(func.count()).select_from(rows.limit(LARGEST).subquery()).scalar_subquery()
