"""The gauges of waiting work, and that their cost does not grow with the number of finished rows."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.metrics import waiting_work
from heidi_common.metrics.waiting_work import read_waiting_work
from tests.explained import explained

KINDS = {
    *("notifications", "deliveries", "runs", "syncs", "operations", "replays", "imports", "exports", "files"),
    *("inbox", "outbox"),
}
NOTIFICATIONS = """
INSERT INTO notifications (id, user_id, type, channel, category, content, status, next_attempt_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'INFO', 'EMAIL', 'general', 'x',
       CASE WHEN n <= 7 THEN 'PENDING' ELSE 'SENT' END, now() + (n - 6) * interval '1 minute'
FROM generate_series(1, 20000) n
"""
INTEGRATION = """
INSERT INTO integrations (id, user_id, owner_role, provider, name, config, signing_secret)
VALUES (gen_random_uuid(), gen_random_uuid(), 'USER', 'WEBHOOK', 'x', '{}', 'x')
"""
DELIVERIES = """
INSERT INTO deliveries (id, integration_id, event_id, event_type, body, status, next_attempt_at)
SELECT gen_random_uuid(), (SELECT id FROM integrations), gen_random_uuid(), 'x', '{}',
       CASE WHEN n <= 3 THEN 'PENDING' ELSE 'DELIVERED' END, now() + n * interval '1 minute'
FROM generate_series(1, 20000) n
"""
OPERATIONS = """
INSERT INTO operations (id, type, input, steps, next_attempt_at)
VALUES (gen_random_uuid(), 'x', '{}', '[]', now() - interval '2 hours')
"""
OUTBOX = """
INSERT INTO outbox (id, type, subject, data, created_at)
VALUES (gen_random_uuid(), 'x', 'x', '{}', now() - interval '1 minute')
"""


def fill(*statements: str) -> None:
    for statement in (*statements, "ANALYZE notifications", "ANALYZE deliveries"):
        db.session.execute(text(statement))
    db.session.commit()


def test_open_rows_are_counted_by_their_indexes_and_the_oldest_due_one_is_named(app: Flask) -> None:
    fill(NOTIFICATIONS, INTEGRATION, DELIVERIES, OPERATIONS, OUTBOX)
    with db.engine.connect() as connection:
        work = {item.kind: item for item in read_waiting_work(connection)}
    assert set(work) == KINDS | {"dead"}
    numbers = {kind: item.number for kind, item in work.items() if item.number}
    assert numbers == {"notifications": 7, "deliveries": 3, "operations": 1, "outbox": 1}
    ages = {kind: round(item.oldest_seconds / 60) for kind, item in work.items()}
    assert ages == dict.fromkeys(work, 0) | {"notifications": 5, "operations": 120, "outbox": 1}

    def read() -> None:
        with db.engine.connect() as connection:
            read_waiting_work(connection)

    [plan] = explained(read, "notifications")
    assert plan.count("hx_notifications_due_at") >= 1 and plan.count("hx_deliveries_due_at") >= 1, plan
    assert "Seq Scan on notifications" not in plan and "Seq Scan on deliveries" not in plan, plan


def test_a_count_stops_at_its_limit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(NOTIFICATIONS)
    monkeypatch.setattr(waiting_work, "LARGEST", 5)
    waiting_work._statements.cache_clear()
    with db.engine.connect() as connection:
        numbers = {item.kind: item.number for item in read_waiting_work(connection)}
    waiting_work._statements.cache_clear()
    assert numbers["notifications"] == 5


def test_every_service_exposes_the_gauges(client: FlaskClient) -> None:
    fill(OPERATIONS)
    body = client.get("/metrics").get_data(as_text=True)
    assert 'heidi_work_pending{kind="operations"} 1.0' in body
    assert 'heidi_work_oldest_due_seconds{kind="operations"} 7' in body
    assert all(f'heidi_work_pending{{kind="{kind}"}}' in body for kind in KINDS)
