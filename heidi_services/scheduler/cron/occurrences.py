"""When an expression comes.

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

from heidi_services.scheduler.cron.parser import Cron
from heidi_services.scheduler.cron.timezones import Span, spans

# A 29 February on a given weekday can be 40 years away (across 2100).
HORIZON_YEARS = 41

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


def next_after(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first slot strictly after an instant, in UTC; None when none comes in 41 years."""
    return next(slots(cron, zone, after), None)


def slots(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Every slot strictly after an instant, in order, in UTC, for 41 years."""
    last = start = after.astimezone(UTC)
    for span in spans(zone, start + INSTANT, min(start.year + HORIZON_YEARS, MAXYEAR - 1)):
        for slot in _slots_of(cron, zone, span):
            if slot > last:  # what a gap has put off may meet a slot that is there anyway
                last = slot
                yield slot


def _slots_of(cron: Cron, zone: ZoneInfo, span: Span) -> Iterator[datetime]:
    end = _local(span.end, span.offset)
    for wall in walls(cron, _local(span.start, span.offset), end):
        slot = (wall - span.offset).replace(tzinfo=UTC)
        if cron.follows_clock or slot.astimezone(zone).fold == 0:
            yield slot
    skipped = walls(cron, end, _local(span.end, span.then))
    if not cron.follows_clock and next(skipped, None):
        yield span.end


def _local(at: datetime, offset: timedelta) -> datetime:
    return at.replace(tzinfo=None) + offset


def walls(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """The matching wall-clock times from `start` (rounded up to the minute) to before `end`."""
    start = start if start == _minute_of(start) else _minute_of(start) + MINUTE
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


def _minute_of(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0)


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
