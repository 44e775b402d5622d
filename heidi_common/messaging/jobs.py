"""A row is the work: everything to be done is a row with a due time, a message only says "look now".

Notifications, deliveries, runs and inbox rows share this mixin and the two statements that keep it honest.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, Select, bindparam, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

HINT_LEASE = timedelta(seconds=30)


def _hint_lease() -> datetime:
    return utcnow() + HINT_LEASE


class JobMixin:
    """Due at `next_attempt_at`; until `hinted_until` a message is under way, until `locked_until` somebody is at it."""

    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(default=utcnow, server_default=func.now())
    hinted_until: Mapped[datetime] = mapped_column(default=_hint_lease, server_default=func.now())
    locked_until: Mapped[datetime | None]


def status_is(column: Any, status: str) -> ColumnElement[bool]:
    """`column = status` for a row that is named by its id.

    Said so that PostgreSQL cannot answer it from the partial index of the rows that are open. When the table was last
    analysed in a quiet hour, that index looks smaller than the primary key, and each claim would read the whole
    backlog: 1.5 ms among ten thousand rows instead of 0.05.
    """
    found: ColumnElement[bool] = (column + "") == status
    return found


def claim(model: Any, row_id: UUID, *, open_status: str, lease_seconds: int) -> bool:
    """Take a due row and count the attempt, in a transaction of its own; False when there is nothing to do.

    A conditional UPDATE settles every race: of two messages for one row the second finds it locked. The database's
    clock decides, so that machines need not agree on the time.
    """
    lease = timedelta(seconds=lease_seconds)
    return _claim_statement(model, open_status).first(row_id=row_id, lease=lease) is not None


def lease_released(model: Any) -> ColumnElement[bool]:
    """Nobody is at it: it was never taken, or whoever took it did not come back in time."""
    free: ColumnElement[bool] = model.locked_until.is_(None) | (model.locked_until < func.now())
    return free


@cache
def _claim_statement(model: Any, open_status: str) -> CompiledStatement:
    dated = {"updated_at": func.now()} if hasattr(model, "updated_at") else {}
    statement = (
        update(model)
        .where(
            model.id == bindparam("row_id"), status_is(model.status, open_status), model.next_attempt_at <= func.now()
        )
        .where(lease_released(model))
        .values(attempts=model.attempts + 1, locked_until=func.now() + bindparam("lease", type_=Interval), **dated)
        .returning(model.id)
    )
    return CompiledStatement(statement, changes=True)


def overdue(model: Any, *, open_status: str, limit: int) -> list[UUID]:
    """Rows that are due with no message under way: a lost broker costs a delay, nothing else."""
    due = (
        select(model.id)
        .where(model.status == open_status, model.next_attempt_at <= func.now(), model.hinted_until <= func.now())
        .where(lease_released(model))
        .order_by(model.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return mark_hinted(model, due)


def mark_hinted(model: Any, due: Select[Any]) -> list[UUID]:
    """The rows whose ids are selected, marked as having a message under way."""
    stamped = (
        update(model)
        .where(model.id.in_(due.scalar_subquery()))
        .values(hinted_until=func.now() + HINT_LEASE)
        .returning(model.id)
        .execution_options(synchronize_session=False)
    )
    with transaction():
        return list(db.session.scalars(stamped))


def backoff(attempt: int, *, base: float, cap: float) -> timedelta:
    """Exponential with jitter: between half and the whole of base x 2^(attempt-1) seconds, at most `cap`."""
    ceiling = min(cap, base * 2 ** min(attempt - 1, 30))
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))  # nosec B311  # spreads load, guards no secret
