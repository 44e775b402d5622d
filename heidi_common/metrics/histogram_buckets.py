"""Percentiles of durations from counters: a duration is counted in one of about 50 buckets.

Each bucket is 41 % wider than the one before, so that a percentile, interpolated within its bucket, is off by 20 % at
most.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

BOUNDS = tuple(round(10 * 2 ** (n / 2)) for n in range(52))
"""The upper bounds of the buckets, in milliseconds: from 10 ms to about five days. The last bucket has none."""


def bucket_of(milliseconds: float) -> int:
    """The index of the bucket that a duration belongs to."""
    return bisect_left(BOUNDS, milliseconds)


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """Estimate a percentile.

    Args:
        counts: The number of durations in each bucket, by the bucket's index.
        share: Which percentile, such as 0.95.

    Returns:
        Milliseconds; the last bound for what is longer. None without durations.
    """
    rank, below = share * sum(counts.values()), 0
    for bucket, number in sorted(counts.items()):
        if number > 0 and below + number >= rank:
            return _within(bucket, (rank - below) / number)
        below += number
    return None


def _within(bucket: int, share: float) -> int:
    if bucket >= len(BOUNDS):
        return BOUNDS[-1]
    lower = BOUNDS[bucket - 1] if bucket else 0
    return round(lower + (BOUNDS[bucket] - lower) * share)
