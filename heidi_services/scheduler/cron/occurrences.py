"""Compute the next occurrences of a cron expression in a time zone, across daylight-saving changes.

Between two changes of the UTC offset, local time runs as evenly as UTC, so the search is plain arithmetic. Only the
changes themselves need rules:

- skipped hour: a job at a fixed time that falls into the gap runs once, at the first instant after the gap;
- repeated hour: a job at a fixed time runs in the first pass only (`fold` says which pass an instant belongs to);
- a wildcard job (`*` in minute or hour) runs by elapsed time, so neither rule applies to it.

Source: cron(8) of Debian. There the rules end at changes of three hours; here they apply to changes of any length.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.timezones import OffsetPeriod, offset_periods

# A 29 February on a given weekday can be 40 years away (across 2100).
HORIZON_YEARS = 41

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)


def next_occurrence(cron: CronExpression, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Find the next occurrence strictly after an instant.

    Returns:
        The instant in UTC, or None if the expression does not occur within 41 years.
    """
    return next(occurrences_after(cron, zone, after), None)


def occurrences_after(cron: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Iterate over the occurrences strictly after an instant, in ascending order, for 41 years.

    Args:
        cron: The parsed expression.
        zone: The time zone whose clocks the expression refers to.
        after: An aware datetime. An occurrence at exactly this instant is not part of the result.

    Yields:
        Instants in UTC, without duplicates.
    """
    latest = start = after.astimezone(UTC)
    for period in offset_periods(zone, start + MICROSECOND, min(start.year + HORIZON_YEARS, MAXYEAR - 1)):
        for occurrence in _occurrences_in(cron, zone, period):
            if occurrence > latest:  # an occurrence moved out of a gap may coincide with a regular one
                latest = occurrence
                yield occurrence


def _occurrences_in(cron: CronExpression, zone: ZoneInfo, period: OffsetPeriod) -> Iterator[datetime]:
    end = _wall_clock(period.end, period.offset)
    for wall in wall_clock_matches(cron, _wall_clock(period.start, period.offset), end):
        occurrence = (wall - period.offset).replace(tzinfo=UTC)
        if cron.is_wildcard or occurrence.astimezone(zone).fold == 0:
            yield occurrence
    skipped = wall_clock_matches(cron, end, _wall_clock(period.end, period.next_offset))
    if not cron.is_wildcard and next(skipped, None):
        yield period.end


def _wall_clock(at: datetime, offset: timedelta) -> datetime:
    return at.replace(tzinfo=None) + offset


def wall_clock_matches(cron: CronExpression, start: datetime, end: datetime) -> Iterator[datetime]:
    """Iterate over the matching wall-clock times (naive) from `start`, rounded up to the minute, to before `end`."""
    start = start if start == _floor_minute(start) else _floor_minute(start) + MINUTE
    day, earliest = start.date(), start.time()
    while day <= end.date():
        if day.month not in cron.months:
            day, earliest = _first_of_next_month(day), time.min
            continue
        if cron.matches_date(day):
            for at in _times_of_day(cron, earliest):
                wall = datetime.combine(day, at)
                if wall >= end:
                    return
                yield wall
        day, earliest = day + DAY, time.min


def _times_of_day(cron: CronExpression, earliest: time) -> Iterator[time]:
    for hour in cron.hours[bisect_left(cron.hours, earliest.hour) :]:
        first_minute = earliest.minute if hour == earliest.hour else 0
        for minute in cron.minutes[bisect_left(cron.minutes, first_minute) :]:
            yield time(hour, minute)


def _floor_minute(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0)


def _first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
