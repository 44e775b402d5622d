"""Counters over time, for charts: how many messages were sent, runs failed and users signed in, minute by minute.

A transaction that counts inserts its amounts as rows of `counter_deltas`, so that no two transactions wait for one row.
The clock adds these rows up (`fold`), per minute for two days and per hour for two years. A reader sums both, in one
statement: a number is exact at any time.

Other metrics, for Prometheus, are in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import Base, utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction

MINUTE, HOUR = 60, 3600
KEPT: Mapping[int, timedelta] = {MINUTE: timedelta(days=2), HOUR: timedelta(days=730)}
"""How long totals are kept, by their step in seconds."""
FOLDED = 20_000
"""Rows that one transaction adds up: about 50 ms."""
LOCK = 0x4865696469_0C
"""Advisory lock: one clock at a time folds."""


class CounterDelta(Base):
    """An amount that the clock has not added up yet. `at` is the minute to which it belongs."""

    __tablename__ = "counter_deltas"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    metric: Mapped[str]
    label: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)


class CounterTotal(Base):
    """The sum of the amounts in the `step` seconds from `at`."""

    __tablename__ = "counter_totals"
    __table_args__ = (Index("ix_counter_totals_step_at", "step", "at"),)

    metric: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class Key(NamedTuple):
    """What an amount is counted under: a metric and a value of its label, in a minute."""

    at: datetime
    metric: str
    label: str


class Point(NamedTuple):
    """The sum of a label's amounts in the step that begins at `at`."""

    at: datetime
    label: str
    amount: int


INSERT_DELTAS = (
    "INSERT INTO counter_deltas (at, metric, label, amount) SELECT * FROM unnest(CAST(:counted_at AS timestamptz[]),"
    " CAST(:counted_metric AS text[]), CAST(:counted_label AS text[]), CAST(:counted_amount AS bigint[]))"
)
"""An INSERT that another statement can contain; its parameters are those of `delta_parameters`."""
_INSERT = CompiledStatement(text(f"{INSERT_DELTAS} RETURNING id"), changes=True)
_FOLD = CompiledStatement(
    text(
        "WITH taken AS (DELETE FROM counter_deltas WHERE id IN (SELECT id FROM counter_deltas ORDER BY id LIMIT :rows)"
        " RETURNING at, metric, label, amount), total AS ("
        " SELECT metric, step, CASE step WHEN 60 THEN at ELSE date_trunc('hour', at, 'UTC') END AS start, label,"
        " sum(amount) AS amount FROM taken CROSS JOIN (VALUES (60), (3600)) AS steps (step) GROUP BY 1, 2, 3, 4),"
        " folded AS (INSERT INTO counter_totals (metric, step, at, label, amount)"
        " SELECT metric, step, start, label, amount FROM total"
        " ON CONFLICT (metric, step, at, label) DO UPDATE SET amount = counter_totals.amount + excluded.amount)"
        " SELECT count(*) AS number FROM taken"
    ),
    changes=True,
)
_TRY_LOCK = CompiledStatement(select(func.pg_try_advisory_xact_lock(LOCK).label("is_locked")), changes=True)


def count(metric: str, label: str, amount: int = 1) -> None:
    """Count something in the caller's transaction, or in a new one if none is open."""
    _INSERT.all(**delta_parameters({Key(minute_of(utcnow()), metric, label): amount}))


def delta_parameters(amounts: Mapping[Key, int]) -> dict[str, list[object]]:
    """Return the parameters of `INSERT_DELTAS`."""
    return {
        "counted_at": [key.at for key in amounts],
        "counted_metric": [key.metric for key in amounts],
        "counted_label": [key.label for key in amounts],
        "counted_amount": list(amounts.values()),
    }


def minute_of(time: datetime) -> datetime:
    """The beginning of a time's minute."""
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def fold() -> bool:
    """Add up the oldest deltas; returns whether some are left. While another clock does it, nothing happens."""
    with transaction():
        if not _TRY_LOCK.all()[0].is_locked:
            return False
        return bool(_FOLD.all(rows=FOLDED)[0].number >= FOLDED)


def delete_expired(now: datetime | None = None) -> bool:
    """Delete totals that are past their time; returns False, since it leaves none."""
    with transaction():
        for step, kept in KEPT.items():
            expired = (CounterTotal.step == step) & (CounterTotal.at < (now or utcnow()) - kept)
            db.session.execute(delete(CounterTotal).where(expired))
    return False


def read(metric: str, start: datetime, end: datetime, step: int) -> Sequence[Point]:
    """Sum a metric over steps of time.

    Args:
        metric: The metric.
        start: The beginning of the first step.
        end: The end of the last step; it is not part of the result.
        step: The length of a step in seconds, a multiple of MINUTE. Steps are aligned to the Unix epoch.

    Returns:
        The sums that are not zero, in the order of time.
    """
    resolution = HOUR if step % HOUR == 0 else MINUTE
    return [Point(*row) for row in _READ.all(metric=metric, start=start, end=end, step=step, resolution=resolution)]


_READ = CompiledStatement(
    text(
        "SELECT to_timestamp(CAST(extract(epoch FROM at) AS bigint) / :step * :step) AS at, label,"
        " sum(amount)::bigint AS amount"
        " FROM (SELECT at, label, amount FROM counter_totals"
        " WHERE metric = :metric AND step = :resolution AND at >= :start AND at < :end"
        " UNION ALL SELECT at, label, amount FROM counter_deltas"
        " WHERE metric = :metric AND at >= :start AND at < :end) AS counted GROUP BY 1, 2 ORDER BY 1, 2"
    )
)
