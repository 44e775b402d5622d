"""Numbers of events by type. Each complete hour is counted once, so that a day costs little more than an hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.redis.cache import redis_cache

HOUR = timedelta(hours=1)
SETTLING = timedelta(minutes=10)
"""An event bears the time at which its transaction began. After this time, an hour gets no further events."""
CACHE_SECONDS = 26 * 3600


def count_by_type(since: datetime, now: datetime) -> Counter[str]:
    """Count the events since a time, by type."""
    hours = _complete_hours(since, now)
    if not hours:
        return _count(since, None)
    return sum(_hourly(hours), _count(since, hours[0]) + _count(hours[-1] + HOUR, None))


def _complete_hours(since: datetime, now: datetime) -> list[datetime]:
    """Return the beginnings of the hours that lie between the two times and have settled."""
    first = since.replace(minute=0, second=0, microsecond=0)
    first = first if first == since else first + HOUR
    return [first + n * HOUR for n in range(max(0, (now - SETTLING - first) // HOUR))]


def _hourly(hours: Sequence[datetime]) -> list[Counter[str]]:
    keys = [f"core:events:{hour:%Y-%m-%dT%H}" for hour in hours]
    counts: list[Counter[str]] = []
    for hour, key, cached in zip(hours, keys, redis_cache().get_many(keys), strict=True):
        if cached is None:
            cached = _count(hour, hour + HOUR)
            redis_cache().set_json(key, cached, CACHE_SECONDS)
        counts.append(Counter(cached))
    return counts


def _count(since: datetime, before: datetime | None) -> Counter[str]:
    statement = select(OutboxEvent.type, func.count()).where(OutboxEvent.created_at >= since).group_by(OutboxEvent.type)
    if before is not None:
        statement = statement.where(OutboxEvent.created_at < before)
    return Counter({row[0]: row[1] for row in db.session.execute(statement)})
