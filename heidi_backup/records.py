"""When a backup was created, verified, or failed: stored in the database for the alerts, if it is available."""

from __future__ import annotations

from contextlib import suppress

import psycopg2

from heidi_backup import databases
from heidi_backup.programs import BackupError

CREATED, VERIFIED, FAILED = "created", "verified", "failed"
_STORE = (
    "INSERT INTO platform_states (name, subject, value, changed_at) VALUES ('backup', %s, 1, now())"
    " ON CONFLICT (name, subject) DO UPDATE SET changed_at = now()"
)
_HOURS_SINCE = (
    "SELECT extract(epoch FROM now() - changed_at) / 3600 FROM platform_states WHERE name = 'backup' AND subject = %s"
)


def store(dsn: str, event: str) -> None:
    """Store that something has happened to a backup now."""
    with suppress(BackupError, psycopg2.Error), databases.connected(dsn) as connection:
        databases.query(connection, _STORE, event)


def hours_since(dsn: str, event: str) -> float | None:
    """The hours since an event; None if it never happened."""
    with databases.connected(dsn) as connection:
        rows = databases.query(connection, _HOURS_SINCE, event)
    return float(rows[0][0]) if rows else None
