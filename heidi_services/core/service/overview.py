"""Counts and rates over all services, for the people who run the platform."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.peers.client import call_peers, caller_headers
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.redis.cache import redis_cache
from heidi_common.schemas.fields import iso

KEY = "core:overview"
FRESH_SECONDS = 10

# part -> count -> (service, path, filter); each answer's meta.total is the count.
COUNTS: dict[str, dict[str, tuple[str, str, dict[str, str]]]] = {
    "users": {
        "total": ("users", "/api/v1/users", {}),
        "active": ("users", "/api/v1/users", {"isActive": "true"}),
    },
    "cities": {
        "active": ("city", "/api/v1/cities", {"isActive": "true"}),
        "inactive": ("city", "/api/v1/cities", {"isActive": "false"}),
    },
    "schedules": {
        "total": ("scheduler", "/api/v1/schedules", {}),
        "enabled": ("scheduler", "/api/v1/schedules", {"isEnabled": "true"}),
    },
    "integrations": {
        "total": ("integration", "/api/v1/integrations", {}),
        "active": ("integration", "/api/v1/integrations", {"isActive": "true"}),
    },
}


def cached() -> dict[str, Any] | None:
    found: dict[str, Any] | None = redis_cache().get_json(KEY)
    return found


def make() -> dict[str, Any]:
    """Ask everybody now. An overview with a gap is not cached: the gap may close any moment."""
    counts, unavailable = _counts()
    now = utcnow()
    found = {
        "data": counts | {"notifications": _notifications(now), "events": _events(now), "as_of": iso(now)},
        "unavailable": unavailable,
    }
    if not unavailable:
        redis_cache().set_json(KEY, found, FRESH_SECONDS)
    return found


def forget() -> None:
    redis_cache().delete(KEY)


def _counts() -> tuple[dict[str, Any], list[str]]:
    headers = caller_headers()
    calls = {
        f"{part}.{name}": PeerRequest(service, path, filters | {"limit": 1, "total": "true"}, headers=headers)
        for part, counts in COUNTS.items()
        for name, (service, path, filters) in counts.items()
    }
    replies = call_peers(calls)
    unavailable = sorted({calls[name].service for name, reply in replies.items() if _total(reply) is None})
    return {part: _part(part, replies) for part in COUNTS}, unavailable


def _part(part: str, replies: dict[str, PeerResponse]) -> dict[str, int | None] | None:
    """A part is null when the service behind it did not answer all of it."""
    totals = {name: _total(replies[f"{part}.{name}"]) for name in COUNTS[part]}
    return None if None in totals.values() else totals


def _total(reply: PeerResponse) -> int | None:
    return reply.meta.get("total") if reply.ok else None


def _counted(since: datetime) -> dict[str, int]:
    statement = select(OutboxEvent.type, func.count()).where(OutboxEvent.created_at >= since).group_by(OutboxEvent.type)
    return {row[0]: row[1] for row in db.session.execute(statement)}


def _notifications(now: datetime) -> dict[str, Any]:
    """What came of notifications in the last day, from their facts."""
    day = _counted(now - timedelta(days=1))
    sent, failed = day.get("notification.sent", 0), day.get("notification.failed", 0)
    share = round(sent / (sent + failed), 4) if sent + failed else None
    return {"queuedLastDay": day.get("notification.queued", 0), "sentLastDay": sent, "failedLastDay": failed} | {
        "sentShare": share
    }


def _events(now: datetime) -> dict[str, Any]:
    hour = _counted(now - timedelta(hours=1))
    minute = sum(_counted(now - timedelta(minutes=1)).values())
    unsent = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.sent_at.is_(None))
    dead = select(func.count()).select_from(Inbox).where(Inbox.status == "dead")
    return {
        "lastMinute": minute,
        "perSecond": round(minute / 60, 2),
        "lastHour": sum(hour.values()),
        "lastHourByType": hour,
        "waiting": db.session.scalar(unsent),
        "dead": db.session.scalar(dead),
    }
