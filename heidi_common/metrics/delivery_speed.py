"""The share of messages that were sent in time, for the objective of delivery: read from the counters of charts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import timedelta

from heidi_common.database.models import utcnow
from heidi_common.metrics import time_series
from heidi_common.metrics.histogram_buckets import BOUNDS
from heidi_common.metrics.series import DELIVERY_TIME

OBJECTIVE_MILLISECONDS = 60_000
LAST_BUCKET_IN_TIME = bisect_right(BOUNDS, OBJECTIVE_MILLISECONDS) - 1
"""A message is in time if it was sent within 58 s of its due time: the last bound up to OBJECTIVE_MILLISECONDS."""
IN_TIME, LATE = "in_time", "late"
NEWEST, OLDEST = timedelta(minutes=1), timedelta(minutes=6)


def read_recent() -> Mapping[str, float]:
    """The messages that were sent in the five minutes until a minute ago: IN_TIME and LATE -> number.

    The last minute is left out, because the relay may not have counted all of its messages.
    """
    now, counts = utcnow(), {IN_TIME: 0.0, LATE: 0.0}
    for point in time_series.read(DELIVERY_TIME, now - OLDEST, now - NEWEST, time_series.MINUTE):
        bucket = int(point.label.rpartition(":")[2])
        counts[IN_TIME if bucket <= LAST_BUCKET_IN_TIME else LATE] += point.amount
    return counts
