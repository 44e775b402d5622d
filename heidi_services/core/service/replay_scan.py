"""Read the events of a replay from the log, part by part, in the order of their times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, tuple_

from heidi_common.database.session import db
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.models import EventReplay
from heidi_services.core.service.event_log import has_type

SCANNED = 5000
"""The most events of any type that one step looks at: its time does not depend on how rare the chosen types are."""


def count_events(replay: EventReplay, patterns: Sequence[str]) -> int:
    """Count the events of a replay.

    Args:
        replay: The replay.
        patterns: The types of events that the receiver gets.
    """
    types = (or_(*map(has_type, replay.types)), or_(*map(has_type, patterns)))
    return db.session.scalar(select(func.count()).where(_in_period(replay), *types)) or 0


def next_events(replay: EventReplay, patterns: Sequence[str], limit: int) -> list[OutboxEvent]:
    """Read the next events, and record how far the log has been read.

    Args:
        replay: The replay. Its `scanned_at`, `scanned_id` and `is_scanned` change.
        patterns: As in `count_events`.
        limit: The largest number of events.

    Returns:
        The events in their order; fewer than `limit`, or none, if others stand between them.
    """
    rows, chosen = _next_rows(replay), []
    for row in rows:
        replay.scanned_at, replay.scanned_id = row.created_at, row.id
        if _is_chosen(row.type, replay.types) and _is_chosen(row.type, patterns):
            chosen.append(row.id)
        if len(chosen) == limit:
            break
    replay.is_scanned = len(rows) < SCANNED and (not rows or replay.scanned_id == rows[-1].id)
    events = {event.id: event for event in db.session.scalars(select(OutboxEvent).where(OutboxEvent.id.in_(chosen)))}
    return [events[event_id] for event_id in chosen if event_id in events]


def _next_rows(replay: EventReplay) -> Sequence[Row[datetime, UUID, str]]:
    columns = (OutboxEvent.created_at, OutboxEvent.id)
    statement = select(*columns, OutboxEvent.type).where(_in_period(replay)).order_by(*columns).limit(SCANNED)
    if replay.scanned_at is not None:
        statement = statement.where(
            OutboxEvent.created_at >= replay.scanned_at,  # for the index
            tuple_(*columns) > tuple_(replay.scanned_at, replay.scanned_id),
        )
    return db.session.execute(statement).all()


def _in_period(replay: EventReplay) -> ColumnElement[bool]:
    """The condition for events of the period. Those without a position are still to be sent to all subscribers."""
    is_in_log = OutboxEvent.position.is_not(None)
    return and_(is_in_log, OutboxEvent.created_at >= replay.start_at, OutboxEvent.created_at < replay.end_at)


def _is_chosen(event_type: str, patterns: Sequence[str]) -> bool:
    return any(matches(pattern, event_type) for pattern in patterns)
