"""The share of messages that were sent in time, for the objective of delivery: read from the counters of charts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from sqlalchemy import Connection, text

from heidi_common.metrics.histogram_buckets import BOUNDS
from heidi_common.metrics.series import DELIVERY_TIME

OBJECTIVE_MILLISECONDS = 60_000
LAST_BUCKET_IN_TIME = bisect_right(BOUNDS, OBJECTIVE_MILLISECONDS) - 1
"""A message is in time if it was sent within 58 s of its due time: the last bound up to OBJECTIVE_MILLISECONDS."""
IN_TIME, LATE = "in_time", "late"
_COUNTS = text(
    "SELECT split_part(label, ':', 2)::int > :last AS is_late, sum(amount) AS amount"
    " FROM (SELECT label, amount FROM counter_totals WHERE step = 60 AND metric = :metric"
    " AND at >= now() - interval '6 minutes' AND at < now() - interval '1 minute'"
    " UNION ALL SELECT label, amount FROM counter_deltas WHERE metric = :metric"
    " AND at >= now() - interval '6 minutes' AND at < now() - interval '1 minute') AS counted GROUP BY 1"
)


def read_recent(connection: Connection) -> Mapping[str, float]:
    """The messages that were sent in the five minutes until a minute ago: IN_TIME and LATE -> number.

    The last minute is left out, because the relay may not have counted all of its messages.
    """
    rows = connection.execute(_COUNTS, {"metric": DELIVERY_TIME, "last": LAST_BUCKET_IN_TIME})
    counts = {LATE if row.is_late else IN_TIME: float(row.amount) for row in rows}
    return {IN_TIME: 0.0, LATE: 0.0} | counts
