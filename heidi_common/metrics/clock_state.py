"""What each clock process knows of the time: how far its machine and the database differ, and whether it dispatches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.models import Base
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

KEPT = timedelta(days=1)
RECENT = timedelta(minutes=1)
"""The state of a machine whose clock process has not stored it for this long is out of date."""


class ClockState(Base):
    """The state of the clock process of one machine."""

    __tablename__ = "clock_states"

    host: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    """The database's time when it was last trusted. A later start that finds an earlier time is in doubt."""
    offset_seconds: Mapped[float]
    held_reason: Mapped[str | None]
    compared_at: Mapped[datetime]


class ClockReport(NamedTuple):
    """How far the database's clock is ahead of the machine's, in seconds, and whether dispatching is held."""

    offset_seconds: float
    is_held: bool


def store(host: str, *, seen_at: datetime, offset_seconds: float, held_reason: str | None) -> None:
    """Store the state of this machine's clock process.

    Args:
        host: The name of the machine.
        seen_at: The database's time, if it is trusted. While dispatching is held, the stored time does not change.
        offset_seconds: How far the database's clock is ahead of the machine's.
        held_reason: Why nothing is dispatched; None if schedules are dispatched.
    """
    values = {"offset_seconds": offset_seconds, "held_reason": held_reason, "compared_at": func.now()}
    statement = insert(ClockState).values(host=host, seen_at=seen_at, **values)
    changes = values if held_reason else values | {"seen_at": seen_at}
    with transaction():
        db.session.execute(statement.on_conflict_do_update(index_elements=["host"], set_=changes))


def latest_time() -> datetime | None:
    """The latest time at which any machine has trusted the database's clock."""
    latest: datetime | None = db.session.scalar(select(func.max(ClockState.seen_at)))
    db.session.rollback()
    return latest


def delete_later_than(at: datetime) -> None:
    """Accept that the database's clock was set back: times after `at` no longer count."""
    with transaction():
        db.session.execute(update(ClockState).where(ClockState.seen_at > at).values(seen_at=at))


def read(connection: Connection) -> dict[str, ClockReport]:
    """Host -> state, of machines whose clock process is running."""
    recent = select(ClockState.__table__).where(ClockState.compared_at > func.now() - RECENT)
    return {
        row.host: ClockReport(row.offset_seconds, row.held_reason is not None) for row in connection.execute(recent)
    }


def delete_old() -> None:
    """Delete the rows of machines that no longer run a clock process."""
    with transaction():
        db.session.execute(delete(ClockState).where(ClockState.compared_at < func.now() - KEPT))
