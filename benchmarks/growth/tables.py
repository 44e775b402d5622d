"""Fill the tables by SQL, in proportion to each other."""

from __future__ import annotations

import time
from collections.abc import Mapping
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

_USER = "CASE WHEN n % 200 = 0 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n % :users) END"
_AGE = "interval '29 days' * (1 - n / CAST(:count AS float8))"
_INTEGRATION = (
    "CASE WHEN n % 4 = 0 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration', n % :integrations) END"
)
_EVENT_TYPE = (
    "(ARRAY['notification.queued','notification.sent','notification.sent','notification.read','user.updated',"
    "'schedule.execute','auth.sign_in','notification.failed'])[1 + n % 8]"
)

FILL: Mapping[str, str] = {
    "users": """(id, email, role, first_name, last_name, is_active, created_at, updated_at, deleted_at)
        SELECT CASE WHEN n = 1 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n) END,
               'user' || n || '@example.test',
               CASE WHEN n % 100000 = 0 THEN 'ADMIN' WHEN n % 5000 = 0 THEN 'MODERATOR' ELSE 'USER' END,
               (ARRAY['Ada','Bo','Chloe','Dmitri','Eva','Farid','Grace','Hugo','Ines','Jo'])[1 + n % 10],
               (ARRAY['Novak','Smith','Garcia','Meier','Ito','Okafor','Lind'])[1 + n % 7] || to_hex(n % 4096),
               n % 1000 <> 0, now() - """
    + _AGE
    + """, now(), CASE WHEN n % 30 = 0 THEN now() END FROM generate_series(1, :count) n""",
    "sessions": "(id, user_id, rotated_at, created_at, idle_expires_at, absolute_expires_at, revoked_at, user_agent)"
    f" SELECT pg_temp.row_id('session', n), pg_temp.row_id('user', 2 + n % (:users - 1)), now(), now() - {_AGE},"
    f" now() - {_AGE} + interval '7 days', now() - {_AGE} + interval '30 days',"
    " CASE WHEN n % 2 = 0 THEN now() END, 'browser' FROM generate_series(1, :count) n",
    "notifications": "(id, user_id, type, channel, category, subject, content, status, created_at, updated_at, sent_at,"
    " delivered_at, read_at, stream_id, batch_id)"
    f" SELECT pg_temp.row_id('notification', n), {_USER}, 'INFO',"
    " CASE WHEN n % 8 = 1 THEN 'EMAIL' ELSE 'IN_APP' END, CASE WHEN n % 3 = 0 THEN 'marketing' ELSE 'general' END,"
    " 'Your order has arrived', 'The parcel with your order is at the door.',"
    " CASE WHEN n % 3000 = 1 THEN 'FAILED' WHEN n % 3 = 1 THEN 'READ' WHEN n % 8 = 1 THEN 'SENT' ELSE 'DELIVERED' END,"
    f" now() - {_AGE} * 12, now(), now() - {_AGE} * 12, now(), CASE WHEN n % 3 = 1 THEN now() END,"
    " CASE WHEN n % 8 <> 1 THEN n END, CASE WHEN n % 10 = 0 THEN pg_temp.row_id('batch', n / 10000) END"
    " FROM generate_series(1, :count) n",
    "notification_attempts": "(id, notification_id, number, provider, outcome, started_at, duration_ms)"
    " SELECT pg_temp.row_id('attempt', n), pg_temp.row_id('notification', n), 1, 'smtp', 'sent', now(), 20"
    " FROM generate_series(1, :count) n",
    "outbox": "(id, type, subject, user_id, data, created_at, sent_at, position)"
    f" SELECT pg_temp.row_id('event', n), {_EVENT_TYPE}, CAST(pg_temp.row_id('notification', n) AS text), pg_temp.row_id('user', n % :users),"
    f" jsonb_build_object('id', CAST(pg_temp.row_id('notification', n) AS text), 'channel', 'IN_APP'), now() - {_AGE}, now() - {_AGE}, n"
    " FROM generate_series(1, :count) n",
    "inbox": "(event_id, consumer, status, created_at, done_at, attempts)"
    f" SELECT pg_temp.row_id('event', n), 'welcome_user', 'done', now() - {_AGE} / 2.2, now() - {_AGE} / 2.2, 1"
    " FROM generate_series(1, :count) n",
    "schedules": "(id, name, cron_expression, timezone, action, payload, is_enabled, misfire_policy,"
    " misfire_window_seconds, overlap_policy, max_attempts, timeout_seconds, jitter_seconds, created_by, next_run)"
    " SELECT CASE WHEN n = 1 THEN CAST(:heavy_schedule AS uuid) ELSE pg_temp.row_id('schedule', n) END, 'schedule ' || n,"
    " '0 * * * *', 'UTC', 'event.emit', '{}', n % 10 <> 0, 'LATEST', 60, 'SKIP', 1, 60, 0, gen_random_uuid(),"
    " CASE WHEN n % 10 <> 0 THEN now() + interval '1 day' + n * interval '1 s' END FROM generate_series(1, :count) n",
    "schedule_runs": "(id, schedule_id, scheduled_for, trigger, status, started_at, finished_at, created_at, attempts)"
    " SELECT pg_temp.row_id('run', n),"
    " CASE WHEN n % 4 = 0 THEN CAST(:heavy_schedule AS uuid) ELSE pg_temp.row_id('schedule', 2 + n % (:schedules - 1)) END,"
    " now() - n * interval '3 s', 'CRON', CASE WHEN n % 1000 = 1 THEN 'FAILED' ELSE 'SUCCEEDED' END,"
    " now() - n * interval '3 s', now() - n * interval '3 s', now() - n * interval '3 s', 1"
    " FROM generate_series(1, :count) n",
    "integrations": "(id, user_id, owner_role, provider, name, webhook_url, config, signing_secret)"
    " SELECT CASE WHEN n = 1 THEN CAST(:heavy_integration AS uuid) ELSE pg_temp.row_id('integration', n) END,"
    " CASE WHEN n = 1 THEN CAST(:heavy AS uuid) ELSE pg_temp.row_id('user', n) END, 'USER', 'WEBHOOK', 'webhook',"
    """ 'https://example.test/hook', '{"eventTypes": ["user.*"]}', '-' FROM generate_series(1, :count) n""",
    "deliveries": "(id, integration_id, event_id, event_type, body, status, delivered_at, created_at, attempts)"
    f" SELECT pg_temp.row_id('delivery', n), {_INTEGRATION}, pg_temp.row_id('event', n), 'user.updated',"
    f" '{{}}', 'DELIVERED', now() - {_AGE}, now() - {_AGE}, 1 FROM generate_series(1, :count) n",
    "delivery_attempts": "(id, delivery_id, number, outcome, status_code, duration_ms)"
    " SELECT pg_temp.row_id('delivery attempt', n), pg_temp.row_id('delivery', n), 1, 'delivered', 200, 20"
    " FROM generate_series(1, :count) n",
    "webhook_events": "(id, integration_id, provider_event_id, type, body, created_at)"
    f" SELECT pg_temp.row_id('webhook', n), {_INTEGRATION}, n::text, 'invoice.paid', '{{}}', now() - {_AGE} * 3"
    " FROM generate_series(1, :count) n",
    "integration_logs": "(id, integration_id, direction, action, status, status_code, created_at)"
    f" SELECT pg_temp.row_id('log', n), {_INTEGRATION}, 'OUT', 'forward', 'SUCCESS', 200, now() - {_AGE}"
    " FROM generate_series(1, :count) n",
    "operations": "(id, type, status, input, steps, created_at, finished_at)"
    f" SELECT pg_temp.row_id('operation', n), 'broadcast', 'SUCCEEDED', '{{}}', '[]', now() - {_AGE}, now()"
    " FROM generate_series(1, :count) n",
    "audit": "(position, id, at, action, outcome, actor, target, previous_hash, hash)"
    f" SELECT n, pg_temp.row_id('audit', n), now() - {_AGE},"
    " CASE WHEN n % 10 = 0 THEN 'authn_login_fail' ELSE 'authn_login_success' END,"
    " CASE WHEN n % 10 = 0 THEN 'failure' ELSE 'success' END, CAST(pg_temp.row_id('user', n % :users) AS text), NULL, '-', '-'"
    " FROM generate_series(1, :count) n",
    "idempotency_keys": "(caller_id, route, key, request_hash, status, headers, body, expires_at)"
    " SELECT pg_temp.row_id('user', n), 'POST /api/v1/notifications', n::text, '-', 202, '{}', '{}',"
    " now() + interval '23 hours' * (n / CAST(:count AS float8)) FROM generate_series(1, :count) n",
    "one_time_tokens": "(id, user_id, purpose, token_hash, email, created_at, expires_at)"
    " SELECT pg_temp.row_id('token', n), pg_temp.row_id('user', n), 'verify_email', 'hash' || n, 'a@example.test', now(),"
    " now() + interval '1 day' FROM generate_series(1, :count) n",
}

_SECONDARY_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = CAST(:table AS regclass) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


_ROW_ID = """
CREATE FUNCTION pg_temp.row_id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN CAST(lpad(to_hex(n), 12, '0') || substr(md5(kind || n), 13) AS uuid)
"""
"""IDs in ascending order, as those of version 7 are."""


def fill(scale: float) -> None:
    """Fill every table with `scale` times its rows of FULL_SIZE, and analyse it."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("statement_timeout = 0", "maintenance_work_mem = '512MB'", "session_replication_role = replica"):
            connection.execute(text(f"SET {setting}"))
        connection.exec_driver_sql(_ROW_ID)
        for table in FULL_SIZE:
            _fill_table(connection, table, scale)


def sizes() -> dict[str, int]:
    """The size of each table with its indexes, in bytes."""
    with db.engine.connect() as connection:
        size = text("SELECT pg_total_relation_size(CAST(:table AS regclass))")
        return {table: connection.execute(size, {"table": table}).scalar_one() for table in FULL_SIZE}


def _fill_table(connection: Connection, table: str, scale: float) -> None:
    """Insert the rows without secondary indexes, which are created afterwards: three times as fast."""
    started_at = time.perf_counter()
    counts = {name: max(10, int(count * scale)) for name, count in FULL_SIZE.items()}
    heavy = {"heavy": HEAVY_USER, "heavy_schedule": HEAVY_SCHEDULE, "heavy_integration": HEAVY_INTEGRATION}
    indexes = [(name, definition) for name, definition in connection.execute(text(_SECONDARY_INDEXES), {"table": table})]
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    connection.execute(text(f"INSERT INTO {table} {FILL[table]}"), counts | heavy | {"count": counts[table]})
    for _, definition in indexes:
        connection.exec_driver_sql(definition)
    connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    print(f"{counts[table]:>12,} {table} in {time.perf_counter() - started_at:.0f} s", flush=True)
