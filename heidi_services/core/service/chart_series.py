"""Series for charts, read from the counters: a number for each step of time, for each value of a metric's labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heidi_common.metrics import time_series
from heidi_common.metrics.histogram_buckets import percentile
from heidi_common.metrics.series import DELIVERY_TIME, LABELS
from heidi_common.metrics.time_series import HOUR, KEPT, MINUTE, Point
from heidi_common.problems import Invalid

MAX_POINTS = 1500
STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR)
"""The steps that are chosen if the caller chooses none, in seconds."""
CHOSEN_POINTS = 120
QUANTILES = {"p50": 0.5, "p95": 0.95}


@dataclass(frozen=True)
class Period:
    """Steps of `step` seconds, the first of which begins at `start`; `end` is the end of the last."""

    start: datetime
    end: datetime
    step: int

    @property
    def times(self) -> list[datetime]:
        """The beginnings of the steps."""
        step = timedelta(seconds=self.step)
        return [self.start + number * step for number in range((self.end - self.start) // step)]


def choose_period(start: datetime | None, end: datetime | None, step: int | None, now: datetime) -> Period:
    """Complete and validate a period; its ends are rounded outwards to whole steps.

    Args:
        start: Default: an hour before the end.
        end: Default: now.
        step: In seconds. Default: the shortest of STEPS that gives up to CHOSEN_POINTS steps.
        now: The current time.

    Raises:
        Invalid: There are no counters for such a period, or it has more than MAX_POINTS steps.
    """
    end = end or now
    start = start or end - timedelta(hours=1)
    if start >= end:
        raise Invalid.field("/query/from", "Must be before `to`.")
    has_minutes = start >= now - KEPT[MINUTE]
    step = step or _default_step(end - start, has_minutes=has_minutes)
    if step % MINUTE or not (has_minutes or step % HOUR == 0):
        unit = "60 seconds" if has_minutes else "3600 seconds, since `from` is more than two days ago"
        raise Invalid.field("/query/step", f"Must be a multiple of {unit}.")
    period = _aligned(start, end, step)
    if (period.end - period.start) / timedelta(seconds=step) > MAX_POINTS:
        raise Invalid.field("/query/step", f"Too many steps: at most {MAX_POINTS} between `from` and `to`.")
    return period


def read_chart(metric: str, period: Period) -> dict[str, Any]:
    """Read a metric with the times of its steps, as `ChartOut` has them."""
    shown = {"start": period.start, "end": period.end, "step": period.step, "times": period.times}
    return {"metric": metric, "series": read_series(metric, period)} | shown


def read_series(metric: str, period: Period) -> list[dict[str, Any]]:
    """Read the series of a metric.

    Returns:
        For each combination of labels its `labels` and `values`: a number for each step. Those of `deliveryTime` are
        percentiles in milliseconds, and None for a step in which nothing was sent.
    """
    points = time_series.read(metric, period.start, period.end, period.step)
    if metric == DELIVERY_TIME:
        return _percentiles(points, period)
    amounts: dict[str, dict[datetime, int]] = defaultdict(dict)
    for point in points:
        amounts[point.label][point.at] = point.amount
    return [
        {
            "labels": dict(zip(LABELS[metric], label.split(":"), strict=False)),
            "values": [values.get(at, 0) for at in period.times],
        }
        for label, values in sorted(amounts.items())
    ]


def _percentiles(points: Sequence[Point], period: Period) -> list[dict[str, Any]]:
    """Percentiles of each channel, and of all together (`channel` is `ALL`)."""
    buckets: dict[str, dict[datetime, dict[int, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for point in points:
        channel, _, bucket = point.label.partition(":")
        for name in (channel, "ALL"):
            buckets[name][point.at][int(bucket)] += point.amount
    return [
        {"labels": {"channel": channel, "quantile": quantile}, "values": _values(steps, share, period)}
        for channel, steps in sorted(buckets.items())
        for quantile, share in QUANTILES.items()
    ]


def _values(steps: Mapping[datetime, Mapping[int, int]], share: float, period: Period) -> list[int | None]:
    return [percentile(steps[at], share) if at in steps else None for at in period.times]


def _default_step(length: timedelta, *, has_minutes: bool) -> int:
    possible = [step for step in STEPS if has_minutes or step % HOUR == 0]
    fitting = (step for step in possible if length / timedelta(seconds=step) <= CHOSEN_POINTS)
    return next(fitting, possible[-1])


def _aligned(start: datetime, end: datetime, step: int) -> Period:
    first, last = int(start.timestamp() // step), -int(-end.timestamp() // step)
    return Period(datetime.fromtimestamp(first * step, UTC), datetime.fromtimestamp(last * step, UTC), step)
