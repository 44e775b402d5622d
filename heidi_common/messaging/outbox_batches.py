"""Emit the events of many rows within the statement that changes these rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from heidi_common.messaging.events import Event
from heidi_common.messaging.outbox import event_row

Emission = tuple[Event, dict[str, Any] | None, UUID]
"""An event, its secret data and its ID, as in `outbox.emit_many`."""

INSERT_EVENTS = """
    INSERT INTO outbox (id, type, subject, user_id, data, sealed, request_id, traceparent, created_at)
    SELECT event.id, event.type, event.subject, event.user_id, CAST(event.data AS jsonb), event.sealed,
        event.request_id, event.traceparent, now()
    FROM unnest(
        CAST(:event_row_id AS uuid[]), CAST(:event_id AS uuid[]), CAST(:event_type AS text[]),
        CAST(:event_subject AS text[]), CAST(:event_user_id AS uuid[]), CAST(:event_data AS text[]),
        CAST(:event_sealed AS text[]), CAST(:event_request_id AS text[]),
        CAST(:event_traceparent AS text[])
    ) AS event (row_id, id, type, subject, user_id, data, sealed, request_id, traceparent)
    JOIN recorded ON recorded.id = event.row_id
    ON CONFLICT (id) DO NOTHING
"""
"""Emits the events whose row is in `recorded (id)`, a CTE of the same statement. `NOTIFY_RELAY` belongs to it."""

NOTIFY_RELAY = "(SELECT pg_notify('outbox', ''))"
"""An expression for the statement's result. It is evaluated once, and not at all if the result has no row."""

_COLUMNS = ("id", "type", "subject", "user_id", "data", "sealed", "request_id", "traceparent")


def event_parameters(emissions: Iterable[tuple[UUID, Emission]]) -> dict[str, list[Any]]:
    """Return the parameters of `INSERT_EVENTS`.

    Args:
        emissions: The ID of the row that each event belongs to, and the event.
    """
    rows = [(row_id, event_row(*emission)) for row_id, emission in emissions]
    columns = {f"event_{name}": [row[name] for _, row in rows] for name in _COLUMNS}
    # Not by orjson: the numbers in users' data may have more than 64 bits.
    return columns | {
        "event_row_id": [row_id for row_id, _ in rows],
        "event_data": [json.dumps(row["data"]) for _, row in rows],
    }
