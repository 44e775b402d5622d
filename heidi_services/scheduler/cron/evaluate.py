"""When an expression comes next.

Between two changes of the clocks local time runs as evenly as UTC, so the search is plain
arithmetic there. Only the changes themselves need the rule:

- skipped: a fixed job that falls into the gap runs once, at the first instant after it;
- repeated: a fixed job runs in the first pass only (`fold` says which pass an instant is in);
- a job that follows the clock (`*` in minute or hour) knows neither exception.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.parse import Cron
from heidi_services.scheduler.cron.zones import Span, spans

# A 29 February on a given weekday can be 40 years away (across 2100).
HORIZON_YEARS = 41

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


def next_after(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first slot strictly after an instant, in UTC; None when none comes in 41 years."""
    start = after.astimezone(UTC) + INSTANT
    last_year = min(start.year + HORIZON_YEARS, MAXYEAR - 1)
    for span in spans(zone, start, last_year):
        slot = _within(cron, zone, span) or _after_gap(cron, span)
        if slot is not None:
            return slot
    return None


def slots(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    slot = next_after(cron, zone, after)
    while slot is not None:
        yield slot
        slot = next_after(cron, zone, slot)


def _within(cron: Cron, zone: ZoneInfo, span: Span) -> datetime | None:
    end = _local(span.end, span.offset)
    for wall in walls(cron, _local(span.start, span.offset), end):
        slot = (wall - span.offset).replace(tzinfo=UTC)
        if cron.follows_clock or slot.astimezone(zone).fold == 0:
            return slot
    return None


def _after_gap(cron: Cron, span: Span) -> datetime | None:
    if cron.follows_clock or span.then <= span.offset:
        return None
    gap = walls(cron, _local(span.end, span.offset), _local(span.end, span.then))
    return span.end if next(gap, None) else None


def _local(at: datetime, offset: timedelta) -> datetime:
    return at.replace(tzinfo=None) + offset


def walls(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """The matching wall-clock times from `start` (rounded up to the minute) to before `end`."""
    start = start if start == start.replace(second=0, microsecond=0) else _next_minute(start)
    day, first = start.date(), start.time()
    while day <= end.date():
        if day.month not in cron.months:
            day, first = _next_month(day), time.min
            continue
        if cron.on(day):
            for at in _times(cron, first):
                wall = datetime.combine(day, at)
                if wall >= end:
                    return
                yield wall
        day, first = day + DAY, time.min


def _times(cron: Cron, first: time) -> Iterator[time]:
    for hour in cron.hours[bisect_left(cron.hours, first.hour) :]:
        since = first.minute if hour == first.hour else 0
        for minute in cron.minutes[bisect_left(cron.minutes, since) :]:
            yield time(hour, minute)


def _next_minute(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0) + MINUTE


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
