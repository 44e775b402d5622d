"""Intervals between slots: ISO 8601 durations, counted from an anchor, so that they do not drift."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)
HORIZON = timedelta(days=41 * 366)
_DURATION = re.compile(r"P(?:(\d{1,3})W)?(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")


class IntervalError(ValueError):
    """The text is not a usable interval. The message tells its author what to write."""


@lru_cache(maxsize=1024)
def parse_interval(text: str) -> timedelta:
    """Parse a duration such as `PT15M`, `P1D` or `PT1H30M`.

    Raises:
        IntervalError: The text is not a duration of weeks, days, hours, minutes and seconds, or is too short or long.

    Source: ISO 8601-1, 5.5.2.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise IntervalError("Must be a duration such as PT15M, PT1H30M or P1D. Months and years have no fixed length.")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    interval = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not SHORTEST <= interval <= LONGEST:
        raise IntervalError("Must be between PT1M and P366D.")
    return interval


def instants_after(interval: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    """Iterate over the anchor and the instants that follow it, strictly after an instant, for 41 years."""
    number = 0 if after < anchor else (after - anchor) // interval + 1
    end = max(after, anchor) + HORIZON
    while (at := anchor + number * interval) <= end:
        yield at
        number += 1


def count_instants(interval: timedelta, anchor: datetime, after: datetime, until: datetime) -> int:
    """Count the instants after an instant, up to another one (inclusive)."""
    return max(0, (until - anchor) // interval + 1) - max(0, (after - anchor) // interval + 1)
