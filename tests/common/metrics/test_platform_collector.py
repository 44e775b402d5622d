"""The gauges of the platform, and that their cost does not grow with the number of handled events."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.metrics.platform_collector import PlatformCollector
from tests.explained import explained

FILL = """
INSERT INTO inbox (event_id, consumer, status)
SELECT gen_random_uuid(), 'x', CASE WHEN n <= 3 THEN 'pending' WHEN n <= 5 THEN 'dead' ELSE 'done' END
FROM generate_series(1, 5000) n
"""


def test_waiting_and_dead_events_are_counted_without_reading_the_handled_ones(app: Flask) -> None:
    db.session.execute(text(FILL))
    db.session.commit()
    db.session.execute(text("ANALYZE inbox"))
    db.session.commit()
    [plan] = explained(lambda: list(PlatformCollector().collect()), "inbox")
    assert "ix_inbox_due" in plan and "ix_inbox_dead" in plan and "Seq Scan" not in plan, plan
    gauges = {metric.name: metric.samples[0].value for metric in PlatformCollector().collect()}
    assert (gauges["heidi_inbox_pending"], gauges["heidi_inbox_dead"]) == (3, 2)
