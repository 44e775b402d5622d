"""Counts and rates over all services, for operators."""

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
from heidi_services.core.service.event_counts import count_by_type

KEY = "core:overview"
CACHE_SECONDS = 10

# section -> count -> (service, path, filter); the count is meta.total of the response.
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
    """Return the cached overview, at most CACHE_SECONDS old, in the form of `build`."""
    overview: dict[str, Any] | None = redis_cache().get_json(KEY)
    return overview


def build() -> dict[str, Any]:
    """Query all services, and cache the overview if all of them responded.

    Returns:
        `data`, in which the section of an unavailable service is None; `unavailable`, the names of these services; and
        `estimates`, the counts that are estimates, such as `users.total`.
    """
    counts, unavailable, estimates = _counts()
    now = utcnow()
    overview = {
        "data": counts | {"notifications": _notifications(now), "events": _events(now), "as_of": iso(now)},
        "unavailable": unavailable,
        "estimates": estimates,
    }
    if not unavailable:
        redis_cache().set_json(KEY, overview, CACHE_SECONDS)
    return overview


def invalidate() -> None:
    redis_cache().delete(KEY)


def meta(overview: dict[str, Any]) -> dict[str, Any]:
    """Return the `meta` of the response; `estimates` is left out if all counts are exact."""
    return {name: overview[name] for name in ("unavailable", "estimates") if name == "unavailable" or overview[name]}


def _counts() -> tuple[dict[str, Any], list[str], list[str]]:
    headers = caller_headers()
    calls = {
        f"{section}.{name}": PeerRequest(service, path, filters | {"limit": 1, "total": "true"}, headers=headers)
        for section, counts in COUNTS.items()
        for name, (service, path, filters) in counts.items()
    }
    responses = call_peers(calls)
    unavailable = sorted({calls[name].service for name, response in responses.items() if _total(response) is None})
    estimates = sorted(name for name, response in responses.items() if response.meta.get("totalIsEstimate"))
    return {section: _section(section, responses) for section in COUNTS}, unavailable, estimates


def _section(section: str, responses: dict[str, PeerResponse]) -> dict[str, int | None] | None:
    """Return the counts of a section; None if the service behind it did not return all of them."""
    totals = {name: _total(responses[f"{section}.{name}"]) for name in COUNTS[section]}
    return None if None in totals.values() else totals


def _total(response: PeerResponse) -> int | None:
    return response.meta.get("total") if response.ok else None


def _notifications(now: datetime) -> dict[str, Any]:
    """Count the notifications of the last day by their events."""
    last_day = count_by_type(now - timedelta(days=1), now)
    sent, failed = last_day.get("notification.sent", 0), last_day.get("notification.failed", 0)
    return {
        "queuedLastDay": last_day.get("notification.queued", 0),
        "sentLastDay": sent,
        "failedLastDay": failed,
        "sentShare": round(sent / (sent + failed), 4) if sent + failed else None,
    }


def _events(now: datetime) -> dict[str, Any]:
    last_hour = count_by_type(now - timedelta(hours=1), now)
    last_minute = count_by_type(now - timedelta(minutes=1), now).total()
    unsent = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.sent_at.is_(None))
    dead = select(func.count()).select_from(Inbox).where(Inbox.status == "dead")
    return {
        "lastMinute": last_minute,
        "perSecond": round(last_minute / 60, 2),
        "lastHour": last_hour.total(),
        "lastHourByType": last_hour,
        "waiting": db.session.scalar(unsent),
        "dead": db.session.scalar(dead),
    }
