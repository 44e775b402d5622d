"""Count events for charts as they are relayed: one statement for a batch, in the transaction that marks them sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy import text

from heidi_common.database.compiled import CompiledStatement
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
_DUE = CompiledStatement(
    text(
        "SELECT id::text AS id, coalesce(scheduled_for, created_at) AS due_at FROM notifications"
        " WHERE id = ANY(CAST(:ids AS uuid[]))"
    )
)
CUSTOM = "custom.*"
"""The label of events whose types users have chosen: there may be any number of them."""


def count_events(events: Sequence[OutboxEvent]) -> Counter[Key]:
    """Count events by type, and what they say about messages, runs and operations."""
    counts: Counter[Key] = Counter()
    for event in events:
        at = minute_of(event.created_at)
        for metric, label, amount in _amounts(event):
            counts[Key(at, metric, label)] += amount
    return counts + _delivery_times([event for event in events if event.type == NotificationSent.type])


def _delivery_times(sent: Sequence[OutboxEvent]) -> Counter[Key]:
    """Count how long messages took from when they were due to when they were sent."""
    due = {row.id: row.due_at for row in _DUE.all(ids=[event.subject for event in sent])} if sent else {}
    counts: Counter[Key] = Counter()
    for event in sent:
        if (due_at := due.get(event.subject)) is not None:
            bucket = bucket_of((event.created_at - due_at) / timedelta(milliseconds=1))
            counts[Key(minute_of(event.created_at), DELIVERY_TIME, f"{event.data['channel']}:{bucket}")] += 1
    return counts


def _amounts(event: OutboxEvent) -> Iterator[tuple[str, str, int]]:
    """What an event adds to: metric, label and amount. Events of earlier versions may lack a value."""
    data = event.data
    yield EVENTS, event.type if event.type in _TYPES else CUSTOM, 1
    if event.type in _MESSAGE_STATUS:
        label = f"{_MESSAGE_STATUS[event.type]}:{data.get('channel', '')}"
        yield MESSAGES, label, data.get("accepted", 1)
    if event.type == ScheduleCompleted.type:
        yield RUNS, data["status"], 1
    if event.type == CoreOperationCompleted.type:
        yield OPERATIONS, data["status"], 1
