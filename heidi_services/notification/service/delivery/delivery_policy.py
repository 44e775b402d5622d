"""Rules that decide whether a notification may be sent now. They are pure functions of a claimed job and the time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heidi_common.channels.registry import CHANNELS
from heidi_services.notification.enums import UNMUTABLE, UNWANTED, NotificationType
from heidi_services.notification.service.delivery.claim import ClaimedNotification


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """The notification can never be sent. `reason` becomes its `failureReason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The notification must not be sent. `reason` becomes its `failureReason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postponement:
    """The notification may not be sent before `until`. A postponement does not count as an attempt."""

    until: datetime


Objection = DeliveryFailure | Cancellation | Postponement


def evaluate(job: ClaimedNotification, now: datetime) -> Objection | None:
    """Apply the rules that need neither the text nor a provider; None: the notification may be sent now."""
    if not job.user_exists:
        return DeliveryFailure("user_deleted")
    if job.expires_at is not None and job.expires_at <= now:
        return DeliveryFailure("expired")
    if _is_suppressed(job):
        return DeliveryFailure("suppressed")
    if job.category in UNMUTABLE:
        return None
    if is_muted(job.muted or (), job.category, job.channel):
        return Cancellation("muted")
    if job.type == NotificationType.ALERT or not CHANNELS[job.channel].waits_for_provider:
        return None
    until = quiet_until(now, job.quiet_start, job.quiet_end, job.quiet_timezone or job.timezone)
    return None if until is None else Postponement(until)


def _is_suppressed(job: ClaimedNotification) -> bool:
    """A complaint about messages does not lock users out of their accounts: see UNWANTED."""
    if job.suppression in UNWANTED and job.category in UNMUTABLE and job.email_proven:
        return False
    return job.suppression is not None


def is_muted(muted: Collection[str], category: str, channel: str) -> bool:
    return f"{category}:{channel}" in muted


def quiet_until(now: datetime, start: time | None, end: time | None, zone: str | None) -> datetime | None:
    """Return the end of the quiet hours that `now` is in.

    Args:
        now: The current time, with a time zone.
        start: Local time at which the quiet hours start; an equal `end` disables them.
        end: Local time at which they end, on the next day if it is before `start`.
        zone: The user's time zone; None or an unknown one is UTC.

    Returns:
        The end in the time zone of `now`; None outside of quiet hours. A local time that occurs twice, at the end of
        daylight-saving time, is inside both times; an end that does not occur, at its beginning, is the change itself.
    """
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(_zone(zone))
    local_time = local.time()
    same_day = start < end
    inside = start <= local_time < end if same_day else local_time >= start or local_time < end
    if not inside:
        return None
    day = local.date() if local_time < end else local.date() + timedelta(days=1)
    return _next_occurrence(datetime.combine(day, end, tzinfo=local.tzinfo), now).astimezone(now.tzinfo)


def _next_occurrence(local: datetime, now: datetime) -> datetime:
    """Return when clocks show a local time next; of a time that they skip, when they do."""
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:  # PEP 495: with fold=1 a skipped time is before the change, with fold=0 after it
        return _change_between(second, first, local)
    return first if first > now else second


def _change_between(before: datetime, after: datetime, local: datetime) -> datetime:
    """Find the second at which clocks skip a local time, by bisection."""
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        shown = middle.replace(microsecond=0).astimezone(local.tzinfo).replace(tzinfo=None)
        if shown >= local.replace(tzinfo=None):
            after = middle.replace(microsecond=0)
        else:
            before = middle.replace(microsecond=0)
    return after


def _zone(name: str | None) -> ZoneInfo:
    """A time zone that was valid when it was stored may have been removed from the time zone database since."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
