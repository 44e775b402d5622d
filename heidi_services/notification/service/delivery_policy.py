"""May it go out now? Rules only: a claimed job and the time in, a verdict out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heidi_services.notification.enums import UNMUTABLE, Channel, Type
from heidi_services.notification.service.claim import Job


@dataclass(frozen=True, slots=True)
class Failed:
    """It will never go out."""

    reason: str


@dataclass(frozen=True, slots=True)
class Muted:
    """Its reader does not want it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not before `until`; that is no attempt."""

    until: datetime


Verdict = Failed | Muted | Later | None


def judge(job: Job, now: datetime) -> Verdict:
    """None: go ahead."""
    if not job.known:
        return Failed("user_deleted")
    if job.expires_at is not None and job.expires_at <= now:
        return Failed("expired")
    if job.suppressed:
        return Failed("suppressed")
    if job.category in UNMUTABLE:
        return None
    if is_muted(job.muted or (), job.category, job.channel):
        return Muted()
    if job.type == Type.ALERT or job.channel is Channel.IN_APP:
        return None
    until = quiet_until(now, job.quiet_start, job.quiet_end, job.quiet_timezone or job.timezone)
    return None if until is None else Later(until)


def is_muted(muted: Collection[str], category: str, channel: Channel) -> bool:
    return f"{category}:{channel}" in muted


def quiet_until(now: datetime, start: time | None, end: time | None, zone: str | None) -> datetime | None:
    """The end of the quiet hours that `now` is in; None outside of them.

    Hours are the reader's; a span may pass midnight. At the end of summer time the second 2 o'clock counts too.
    """
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(_zone(zone))
    at = local.time()
    inside = start <= at < end if start < end else at >= start or at < end
    if not inside:
        return None
    day = local.date() if at < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(now.tzinfo)


def _zone(name: str | None) -> ZoneInfo:
    """Accepted once, unknown now: a zone that the time zone database has dropped holds up no message."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
