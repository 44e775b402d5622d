"""How much work waits, and for how long: one row for each kind of work.

Each count stops at LARGEST, and the oldest row is found by an index, so that the cost does not grow with the backlog or
with the number of finished rows.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, literal, literal_column, null, select, text, union_all
from sqlalchemy.sql.selectable import CompoundSelect

from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import JobMixin
from heidi_common.messaging.outbox import OutboxEvent

LARGEST = 100_000
"""Counts do not exceed this number: reading as many entries of an index takes about 10 ms."""


class WaitingWork(NamedTuple):
    """The work of one kind.

    Attributes:
        kind: `notifications`, `deliveries`, `runs`, `syncs`, `operations`, `inbox`, `outbox`; `dead`: dead letters.
        number: Rows that are not finished, due or not, at most LARGEST.
        oldest_seconds: For how long the oldest due row has been due; 0 if none is due.
    """

    kind: str
    number: int
    oldest_seconds: float


def read_waiting_work(connection: Connection) -> list[WaitingWork]:
    """Read the waiting work of all kinds, in the connection's transaction.

    After a large backlog the planner's statistics can be out of date for minutes; a scan of the whole table is
    therefore ruled out.
    """
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    rows = [row for statement in _statements() for row in connection.execute(statement)]
    return [WaitingWork(row.kind, row.number, float(row.seconds)) for row in rows]


@cache
def _statements() -> tuple[CompoundSelect[Any], CompoundSelect[Any]]:
    jobs = [model for model in JobMixin.__subclasses__() if model is not Inbox]
    return union_all(*map(_of_jobs, jobs), _of_events()), union_all(_of_jobs(Inbox), _of_dead_letters())


def _of_jobs(model: Any) -> Select[Any]:
    is_open = model.status == literal_column(f"'{model.open_status}'")  # a literal, for the partial index
    oldest = select(model.oldest_due()).where(is_open).scalar_subquery()
    return _row(model.work, select(literal_column("1")).select_from(model).where(is_open), oldest)


def _of_dead_letters() -> Select[Any]:
    is_dead = Inbox.status == literal_column("'dead'")
    return _row("dead", select(literal_column("1")).select_from(Inbox).where(is_dead), null())


def _of_events() -> Select[Any]:
    unsent = OutboxEvent.sent_at.is_(None)
    oldest = select(OutboxEvent.created_at).where(unsent).order_by(OutboxEvent.id).limit(1).scalar_subquery()
    return _row("outbox", select(literal_column("1")).select_from(OutboxEvent).where(unsent), oldest)


def _row(kind: str, rows: Select[Any], oldest: Any) -> Select[Any]:
    number = select(func.count()).select_from(rows.limit(LARGEST).subquery()).scalar_subquery()
    seconds = func.greatest(func.coalesce(func.extract("epoch", func.now() - oldest), 0), 0)
    return select(literal(kind).label("kind"), number.label("number"), seconds.label("seconds"))
