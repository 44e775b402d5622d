"""Fill the tables by SQL, in proportion to each other."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, text

from heidi_common.database.session import db

HEAVY_USER = UUID(int=1)
"""Receives one notification in 200: 100,000 of 20 million."""
HEAVY_SCHEDULE = UUID(int=2)
"""Has one run in four."""
HEAVY_INTEGRATION = UUID(int=3)
"""Has one delivery, webhook event and log entry in four."""

FULL_SIZE = {
    "users": 1_000_000,
    "sessions": 1_000_000,
    "notifications": 20_000_000,
    "notification_attempts": 5_000_000,
    "outbox": 5_000_000,
    "inbox": 5_000_000,
    "schedules": 10_000,
    "schedule_runs": 2_000_000,
    "integrations": 20_000,
    "deliveries": 1_000_000,
    "delivery_attempts": 1_000_000,
    "webhook_events": 500_000,
    "integration_logs": 1_000_000,
    "operations": 100_000,
    "audit": 1_000_000,
    "idempotency_keys": 100_000,
    "one_time_tokens": 100_000,
}
"""Rows at scale 1. The number of waiting rows (PENDING, dead, unsent) is the same at every size."""

_INSERTS = (Path(__file__).parent / "fill.sql").read_text().split(";\n")
_SECONDARY_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = CAST(:table AS regclass) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


_SETTINGS = ("statement_timeout = 0", "maintenance_work_mem = '512MB'", "session_replication_role = replica")
_FUNCTIONS = """
CREATE FUNCTION pg_temp.row_id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN CAST(lpad(to_hex(n), 12, '0') || substr(md5(kind || n), 13) AS uuid);
CREATE FUNCTION pg_temp.at(share float8, days float8 DEFAULT 29) RETURNS timestamptz LANGUAGE sql STABLE
RETURN now() - interval '1 day' * days * (1 - share)
"""


def fill(scale: float) -> None:
    """Fill every table with `scale` times its rows of FULL_SIZE, and analyze it."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in (
            "statement_timeout = 0",
            "maintenance_work_mem = '512MB'",
            "session_replication_role = replica",
        ):
            connection.execute(text(f"SET {setting}"))
        connection.exec_driver_sql(_FUNCTIONS)
        for table, insert in zip(FULL_SIZE, _INSERTS, strict=False):
            assert f"INSERT INTO {table} " in insert
            _fill_table(connection, table, insert, scale)


def sizes() -> dict[str, int]:
    """The size of each table with its indexes, in bytes."""
    with db.engine.connect() as connection:
        size = text("SELECT pg_total_relation_size(CAST(:table AS regclass))")
        return {table: connection.execute(size, {"table": table}).scalar_one() for table in FULL_SIZE}


def _fill_table(connection: Connection, table: str, insert: str, scale: float) -> None:
    """Insert the rows without secondary indexes, which are created afterwards: three times as fast."""
    started_at = time.perf_counter()
    counts = {name: max(10, int(count * scale)) for name, count in FULL_SIZE.items()}
    heavy = {"heavy": HEAVY_USER, "heavy_schedule": HEAVY_SCHEDULE, "heavy_integration": HEAVY_INTEGRATION}
    indexes = [
        (name, definition) for name, definition in connection.execute(text(_SECONDARY_INDEXES), {"table": table})
    ]
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    connection.execute(text(insert), counts | heavy | {"count": counts[table]})
    for _, definition in indexes:
        connection.exec_driver_sql(definition)
    connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    print(f"{counts[table]:>12,} {table} in {time.perf_counter() - started_at:.0f} s", flush=True)
