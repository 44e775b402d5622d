"""The gauges of the platform, and that their cost does not grow with the number of handled events."""

from __future__ import annotations

import time

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.metrics import platform_states, time_series
from heidi_common.metrics.platform_collector import PlatformCollector
from tests.architecture import migrations
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
    counts, oldest = explained(lambda: list(PlatformCollector().collect()), "inbox")
    assert "ix_inbox_due" in counts and "ix_inbox_dead" in counts and "Seq Scan" not in counts, counts
    assert "ix_inbox_due" in oldest and "Seq Scan on inbox" not in oldest, oldest
    gauges = {metric.name: metric.samples[0].value for metric in PlatformCollector().collect()}
    assert (gauges["heidi_inbox_pending"], gauges["heidi_inbox_dead"]) == (3, 2)


def read(name: str) -> dict[str, float]:
    """The values of a gauge by its label."""
    return {
        next(iter(sample.labels.values()), ""): sample.value
        for metric in PlatformCollector().collect()
        for sample in metric.samples
        if sample.name == f"heidi_{name}"
    }


def test_states_are_exported_with_their_ages(app: Flask) -> None:
    assert read("backup_age_seconds") == {}
    platform_states.store(platform_states.BACKUP, platform_states.CREATED)
    platform_states.store(platform_states.PROVIDER_REJECTION, "twilio")
    platform_states.store(platform_states.CERTIFICATE, "heidi.example.org", time.time() + 86_400)
    db.session.execute(text("UPDATE platform_states SET changed_at = now() - interval '1 hour'"))
    db.session.commit()
    assert round(read("backup_age_seconds")["created"] / 60) == 60
    assert round(read("provider_rejection_age_seconds")["twilio"] / 60) == 60
    assert round(read("certificate_remaining_seconds")["heidi.example.org"] / 3600) == 24
    platform_states.store(platform_states.BACKUP, platform_states.CREATED)
    assert read("backup_age_seconds")["created"] < 1000
    platform_states.delete_old()
    assert read("backup_age_seconds").keys() == {"created"}


def test_a_failed_migration_and_its_repetition_are_exported(app: Flask) -> None:
    assert read("migration_failed") == {"": 0}
    platform_states.store(platform_states.MIGRATION, "last", 1)
    assert read("migration_failed") == {"": 1}
    flask_migrate.upgrade(str(migrations.FOLDER))
    assert read("migration_failed") == {"": 0}
    with pytest.raises(SystemExit):
        flask_migrate.upgrade(str(migrations.FOLDER), revision="unknown")


SCHEDULES = """
INSERT INTO schedules (id, name, cron_expression, timezone, action, payload, is_enabled, misfire_policy,
    misfire_window_seconds, overlap_policy, max_attempts, timeout_seconds, jitter_seconds, last_run_status, next_run,
    created_by)
SELECT gen_random_uuid(), n::text, '* * * * *', 'UTC', 'x', '{}', n <= 3, 'SKIP', 60, 'SKIP', 1, 60, 0,
    CASE WHEN n % 2 = 1 THEN 'FAILED' ELSE 'SUCCEEDED' END, now() - n * interval '1 minute', gen_random_uuid()
FROM generate_series(1, 6) n
"""
ENDPOINTS = """
INSERT INTO integrations (id, user_id, owner_role, provider, name, config, signing_secret, is_active, disabled_reason,
    updated_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'USER', 'WEBHOOK', 'x', '{}', 'x', n = 1, 'GONE',
    now() - n * interval '1 day'
FROM generate_series(1, 9) n
"""


def test_failing_and_late_schedules_and_disabled_endpoints_are_counted(app: Flask) -> None:
    names = ("schedules_failing", "schedules_overdue_seconds", "endpoints_disabled")
    assert [read(name) for name in names] == [{"": 0}] * 3
    db.session.execute(text(SCHEDULES))
    db.session.execute(text(ENDPOINTS))
    db.session.commit()
    assert read("schedules_failing") == {"": 2}  # not the disabled one
    assert round(read("schedules_overdue_seconds")[""] / 60) == 3
    assert read("endpoints_disabled") == {"": 5}  # not the active one, nor those of last week


COUNTS = """
INSERT INTO counter_{0} ({1}at, metric, label, amount)
SELECT {2}date_trunc('minute', now()) - interval '3 minutes', 'deliveryTime', 'EMAIL:' || n, 10
FROM generate_series(0, 51) n
"""


def test_messages_in_time_and_late_are_counted_before_and_after_folding(app: Flask) -> None:
    assert read("messages_sent_recently") == {"in_time": 0, "late": 0}
    db.session.execute(text(COUNTS.format("deltas", "", "")))
    db.session.commit()
    assert read("messages_sent_recently") == {"in_time": 260, "late": 260}
    time_series.fold()
    assert read("messages_sent_recently") == {"in_time": 260, "late": 260}


MESSAGES = """
INSERT INTO notifications (id, user_id, type, channel, category, content, status, next_attempt_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'INFO', 'EMAIL', 'general', 'x', 'PENDING',
    now() + (n - 1) * interval '1 hour'
FROM generate_series(1, 10) n
"""


def test_messages_that_were_scheduled_are_told_from_those_that_wait(app: Flask) -> None:
    db.session.execute(text(MESSAGES))
    db.session.commit()
    assert (read("work_pending")["notifications"], read("work_scheduled")["notifications"]) == (10, 6)
