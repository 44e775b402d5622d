"""Send the audit trail to a system that collects logs: each row once as a line, in the order of the trail.

Rows get their positions one transaction after the other, so that no row with a smaller one appears later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.metrics import platform_states

BATCH = 500
WAIT_SECONDS = 2.0
EXPORTED = "auditExported"
"""The name of the state: its subject is a destination, its value the position of the last row that was sent there."""

log = logging.getLogger(__name__)


def follow(destination: str, write: Callable[[dict[str, Any]], None], is_stopped: Callable[[float], bool]) -> None:
    """Send new rows as they appear, until stopped. A failure of the database is logged, and tried again.

    Args:
        destination: The name under which the position of the last row is stored. A row that was written, but whose
            position could not be stored, is written again.
        write: Writes the fields of one row.
        is_stopped: Waits for so many seconds, and returns whether to stop.
    """
    pause = 0.0
    while not is_stopped(pause):
        try:
            pause = 0.0 if export_batch(destination, write) == BATCH else WAIT_SECONDS
        except OperationalError as error:
            log.warning("the audit trail cannot be read; trying again", extra={"error": repr(error.orig)[:300]})
            pause = WAIT_SECONDS
        finally:
            db.session.remove()


def export_all(destination: str, write: Callable[[dict[str, Any]], None]) -> int:
    """Send the rows that exist.

    Args:
        destination: As in `follow`.
        write: As in `follow`.

    Returns:
        Their number.
    """
    total = 0
    while count := export_batch(destination, write):
        total += count
    return total


def export_batch(destination: str, write: Callable[[dict[str, Any]], None]) -> int:
    """Send the next rows, at most `BATCH`.

    Args:
        destination: As in `follow`.
        write: As in `follow`.

    Returns:
        Their number.
    """
    rows = _rows_after(_position(destination))
    for row in rows:
        write(fields(row))
    if rows:
        platform_states.store(EXPORTED, destination, float(rows[-1].position))
    return len(rows)


def fields(row: Audit) -> dict[str, Any]:
    """The fields of a line. Its hash and the one before let the receiver notice gaps and changes.

    Args:
        row: A row of the trail.
    """
    return {
        "position": row.position,
        "id": str(row.id),
        "time": row.at.astimezone(UTC).isoformat(),
        "message": row.action,
        "outcome": row.outcome,
        "actor": row.actor,
        "target": row.target,
        "address": row.address,
        "requestId": row.request_id,
        "detail": row.detail,
        "previousHash": row.previous_hash,
        "hash": row.hash,
    }


def _position(destination: str) -> int:
    state = platform_states.PlatformState
    value = db.session.scalar(select(state.value).where(state.name == EXPORTED, state.subject == destination))
    return int(value or 0)


def _rows_after(position: int) -> Sequence[Audit]:
    return db.session.scalars(
        select(Audit).where(Audit.position > position).order_by(Audit.position).limit(BATCH)
    ).all()
