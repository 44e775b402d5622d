"""Numbers of events by type: the same with and without the cached hours."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from uuid_utils.compat import uuid7

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.redis.client import redis_client
from heidi_services.core.service.event_counts import count_by_type
from tests.sql_recorder import recorded_statements

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DAY_AGO = NOW - timedelta(days=1)


def emit_at(at: datetime, type: str = "user.created") -> None:
    with transaction():
        db.session.add(OutboxEvent(id=uuid7(), type=type, subject="1", data={}, created_at=at))


def counting_statements(since: datetime, now: datetime) -> int:
    with recorded_statements() as sent:
        count_by_type(since, now)
    return sum("outbox" in statement for statement, _ in sent)


@pytest.mark.parametrize(
    "since", [DAY_AGO, NOW.replace(minute=0) - timedelta(hours=5), NOW - timedelta(minutes=1), NOW - timedelta(hours=1)]
)
def test_every_event_since_the_time_is_counted_once(app: Flask, since: datetime) -> None:
    borders = [since, since.replace(minute=0), since.replace(minute=0) + timedelta(hours=1), NOW.replace(minute=0), NOW]
    times = [border + timedelta(microseconds=offset) for border in borders for offset in (-1, 0, 1)]
    for at in times:
        emit_at(at)
    expected = Counter({"user.created": sum(at >= since for at in times)})
    assert count_by_type(since, NOW) == expected  # counts the hours
    assert count_by_type(since, NOW) == expected  # reads the hours from the cache


def test_a_complete_hour_is_counted_once_and_a_recent_one_each_time(app: Flask) -> None:
    emit_at(NOW - timedelta(hours=5), "user.created")
    emit_at(NOW - timedelta(minutes=1), "user.updated")
    first = counting_statements(DAY_AGO, NOW)
    assert (first, counting_statements(DAY_AGO, NOW)) == (2 + 23, 2)
    emit_at(NOW - timedelta(minutes=1), "user.updated")
    assert count_by_type(DAY_AGO, NOW) == {"user.created": 1, "user.updated": 2}


def test_an_hour_that_has_just_ended_is_not_cached(app: Flask) -> None:
    now = NOW.replace(minute=5)
    last_hour = now.replace(minute=0) - timedelta(minutes=1)
    emit_at(last_hour)
    assert count_by_type(now - timedelta(days=1), now).total() == 1
    emit_at(last_hour)  # its transaction was still open
    assert count_by_type(now - timedelta(days=1), now).total() == 2


def test_counts_are_right_without_the_cache(app: Flask) -> None:
    emit_at(NOW - timedelta(hours=5))
    for _ in range(2):
        redis_client().flushall()
        assert count_by_type(DAY_AGO, NOW).total() == 1
