"""For how long the oldest job of each queue has waited for a thread, in the database.

Only the oldest due rows of each kind are looked at, so that the cost does not grow with the backlog. A queue none of
whose rows is among them waits less than the others of its kind, and counts as empty.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select, text, union_all
from sqlalchemy.sql.selectable import CompoundSelect

from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.jobs import JobMixin, lease_released
from heidi_common.messaging.subscribers import SUBSCRIBERS

LOOKED_AT = 5000


def read_oldest_due(connection: Connection) -> dict[str, float]:
    """Queue -> for how long its oldest due row has waited, in seconds; 0 if none waits."""
    connection.execute(text("SET LOCAL enable_seqscan = off"))  # see `waiting_work`
    oldest = dict.fromkeys(_queues(), 0.0)
    for row in connection.execute(_statement()):
        oldest[row.queue] = max(oldest.get(row.queue, 0.0), float(row.seconds))
    return oldest


def _queues() -> set[str]:
    of_rows = {model.queue for model in JobMixin.__subclasses__() if model is not Inbox}
    return of_rows | {subscriber.queue for subscriber in SUBSCRIBERS.values()} | {"bulk"}


@cache
def _statement() -> CompoundSelect[Any]:
    return union_all(*map(_of_jobs, JobMixin.__subclasses__()))


def _of_jobs(model: Any) -> Select[Any]:
    due_order = model.due_order()
    is_open = model.status == literal_column(f"'{model.open_status}'")  # a literal, for the partial index
    waiting = (
        select(model.queue_of_row().label("queue"), model.next_attempt_at)
        .where(is_open, ~model.is_due_after(func.now()), lease_released(model))
        .order_by(due_order)
        .limit(LOOKED_AT)
        .subquery()
    )
    seconds = func.extract("epoch", func.now() - func.min(waiting.c.next_attempt_at))
    return select(waiting.c.queue, seconds.label("seconds")).group_by(waiting.c.queue)
