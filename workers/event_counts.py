"""Count events for charts as they are relayed: one statement for a batch, in the transaction that marks them sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from heidi_common.messaging.events import (
    CoreOperationCompleted,
    NotificationBatch,
    NotificationFailed,
    NotificationQueued,
    NotificationSent,
    ScheduleCompleted,
    all_event_types,
)
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.metrics.histogram_buckets import bucket_of
from heidi_common.metrics.series import DELIVERY_TIME, EVENTS, MESSAGES, OPERATIONS, RUNS
from heidi_common.metrics.time_series import Key, minute_of

_MESSAGE_STATUS = {
    NotificationQueued.type: "QUEUED",
    NotificationBatch.type: "QUEUED",
    NotificationSent.type: "SENT",
    NotificationFailed.type: "FAILED",
}
_TYPES = frozenset(event.type for event in all_event_types())
CUSTOM = "custom.*"
"""The label of events whose types users have chosen: there may be any number of them."""


def count_events(events: Iterable[OutboxEvent]) -> Counter[Key]:
    """Count events by type, and what they say about messages, runs and operations."""
    counts: Counter[Key] = Counter()
    for event in events:
        at = minute_of(event.created_at)
        for metric, label, amount in _amounts(event):
            counts[Key(at, metric, label)] += amount
    return counts


def _amounts(event: OutboxEvent) -> Iterator[tuple[str, str, int]]:
    """What an event adds to: metric, label and amount. Events of earlier versions may lack a value."""
    data = event.data
    yield EVENTS, event.type if event.type in _TYPES else CUSTOM, 1
    if event.type in _MESSAGE_STATUS:
        label = f"{_MESSAGE_STATUS[event.type]}:{data.get('channel', '')}"
        yield MESSAGES, label, data.get("accepted", 1)
    if event.type == NotificationSent.type and "deliveryMs" in data:
        yield DELIVERY_TIME, f"{data['channel']}:{bucket_of(data['deliveryMs'])}", 1
    if event.type == ScheduleCompleted.type:
        yield RUNS, data["status"], 1
    if event.type == CoreOperationCompleted.type:
        yield OPERATIONS, data["status"], 1
