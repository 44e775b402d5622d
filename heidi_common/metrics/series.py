"""The metrics of `time_series`, and what their labels mean."""

from __future__ import annotations

from collections.abc import Mapping

EVENTS, MESSAGES, RUNS, DELIVERIES = "events", "messages", "runs", "deliveries"
OPERATIONS, SIGN_INS, DELIVERY_TIME = "operations", "signIns", "deliveryTime"

LABELS: Mapping[str, tuple[str, ...]] = {
    EVENTS: ("type",),
    MESSAGES: ("status", "channel"),
    RUNS: ("status",),
    DELIVERIES: ("outcome",),
    OPERATIONS: ("status",),
    SIGN_INS: ("outcome",),
    DELIVERY_TIME: ("channel", "bucket"),
}
"""Metric -> the names of its label's parts, which are separated by colons.

`deliveryTime` is the time from when a message was due to when it was sent, in `histogram_buckets`.
"""

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
DELIVERED, RETRIED = "DELIVERED", "RETRIED"
"""Outcomes of an attempt to deliver a webhook, besides FAILED. RETRIED: it has failed and will be repeated."""
