"""Counters over time: exact before, while and after the clock adds them up, and bounded in size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.metrics import time_series
from heidi_common.metrics.histogram_buckets import BOUNDS, bucket_of, percentile
from heidi_common.metrics.time_series import HOUR, MINUTE, CounterDelta, CounterTotal, Key, count, fold, read

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_counters(app: Flask) -> Iterator[None]:
    with transaction():
        for model in (CounterDelta, CounterTotal):
            db.session.execute(delete(model))
    yield


def counted(at: datetime, label: str = "a", amount: int = 1, metric: str = "m") -> None:
    time_series._INSERT.all(**time_series.delta_parameters({Key(at, metric, label): amount}))


def sums(start: datetime, end: datetime, step: int = MINUTE) -> dict[tuple[datetime, str], int]:
    return {(point.at, point.label): point.amount for point in read("m", start, end, step)}


def number_of(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_sums_are_the_same_before_and_after_folding(app: Flask) -> None:
    for minute, label, amount in ((0, "a", 1), (0, "a", 2), (1, "a", 4), (1, "b", 8), (61, "a", 16)):
        counted(NOON + timedelta(minutes=minute), label, amount)
    counted(NOON, metric="other")
    minutes, hours = sums(NOON, NOON + timedelta(hours=2)), sums(NOON, NOON + timedelta(hours=2), HOUR)
    assert minutes == {
        (NOON, "a"): 3,
        (NOON + timedelta(minutes=1), "a"): 4,
        (NOON + timedelta(minutes=1), "b"): 8,
        (NOON + timedelta(minutes=61), "a"): 16,
    }
    assert hours == {(NOON, "a"): 7, (NOON, "b"): 8, (NOON + timedelta(hours=1), "a"): 16}
    assert fold() is False
    assert number_of(CounterDelta) == 0
    assert sums(NOON, NOON + timedelta(hours=2)) == minutes
    assert sums(NOON, NOON + timedelta(hours=2), HOUR) == hours
    counted(NOON, "a", 100)
    assert sums(NOON, NOON + timedelta(hours=2), HOUR)[NOON, "a"] == 107
    fold()
    assert sums(NOON, NOON + timedelta(hours=2))[NOON, "a"] == 103


@pytest.mark.parametrize(("step", "number"), [(60, 6), (300, 2), (3600, 1), (86_400, 1)])
def test_steps_are_aligned_and_complete(app: Flask, step: int, number: int) -> None:
    for minute in range(6):
        counted(NOON + timedelta(minutes=minute))
    points = read("m", NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1), step)
    assert (len(points), sum(point.amount for point in points)) == (number, 6)
    assert all(point.at.timestamp() % step == 0 for point in points)


def test_the_end_is_not_part_of_a_period(app: Flask) -> None:
    counted(NOON)
    assert sums(NOON - timedelta(minutes=1), NOON) == {}
    assert sums(NOON, NOON + timedelta(minutes=1)) != {}


def test_a_rollback_counts_nothing(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        count("m", "a")
        _ = 1 / 0
    assert number_of(CounterDelta) == 0
    count("m", "a")
    assert number_of(CounterDelta) == 1


def test_clocks_that_fold_together_lose_and_repeat_nothing(app: Flask) -> None:
    def work() -> None:
        with app.app_context():
            for _ in range(40):
                counted(NOON)
                fold()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums(NOON, NOON + timedelta(minutes=1)) == {(NOON, "a"): 160}


def test_a_backlog_is_folded_in_parts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_series, "FOLDED", 2)
    for _ in range(3):
        counted(NOON)
    assert (fold(), fold()) == (True, False)
    assert sums(NOON, NOON + timedelta(minutes=1)) == {(NOON, "a"): 3}


def test_minutes_are_kept_for_two_days_and_hours_for_two_years(app: Flask) -> None:
    for days in (1, 3, 729, 731):
        counted(NOON - timedelta(days=days))
    fold()
    time_series.delete_expired(NOON)
    kept = set(db.session.execute(select(CounterTotal.step, func.extract("day", NOON - CounterTotal.at))))
    assert {(step, int(days)) for step, days in kept} == {(60, 1), (3600, 1), (3600, 3), (3600, 729)}


@pytest.mark.parametrize("milliseconds", [0, 1, 10, 11, 250, 4000, 86_400_000, 10**12])
def test_a_percentile_is_near_the_duration(milliseconds: int) -> None:
    estimate = percentile({bucket_of(milliseconds): 10}, 0.95)
    assert estimate is not None
    assert abs(estimate - min(milliseconds, BOUNDS[-1])) <= max(10, 0.42 * milliseconds)


def test_percentiles_of_many_durations() -> None:
    counts: dict[int, int] = {}
    for milliseconds in range(1, 1001):
        counts[bucket_of(milliseconds)] = counts.get(bucket_of(milliseconds), 0) + 1
    assert percentile(counts, 0.5) == pytest.approx(500, rel=0.2)
    assert percentile(counts, 0.95) == pytest.approx(950, rel=0.2)
    assert percentile({}, 0.5) is None
