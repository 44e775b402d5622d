"""Count occurrences without computing each of them: a minute schedule has 43,200 a month."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.occurrences import MICROSECOND, occurrences_after
from heidi_services.scheduler.cron.timezones import OffsetPeriod, offset_periods

DAY = timedelta(days=1)
AFTER_CHANGE, BEFORE_CHANGE = 2 * DAY, 1 * DAY
"""Around a change of the UTC offset, occurrences are computed one by one: some are skipped, moved or repeated."""


def count_occurrences(cron: CronExpression, zone: ZoneInfo, after: datetime, until: datetime) -> int:
    """Count the occurrences after an instant, up to another one (inclusive).

    Args:
        cron: The parsed expression.
        zone: The time zone whose clocks the expression refers to.
        after: An aware datetime. An occurrence at exactly this instant does not count.
        until: An aware datetime. An occurrence at exactly this instant counts.
    """
    count, at = 0, after.astimezone(UTC)
    until = until.astimezone(UTC)
    for period in offset_periods(zone, at + MICROSECOND, until.year + 1):
        if period.start > until:
            break
        first, last = _whole_days(period, min(period.end, until))
        if first < last:
            count += _enumerated(cron, zone, at, _midnight(first, period) - MICROSECOND)
            count += _on_days(cron, first, last)
            at = _midnight(last, period) - MICROSECOND
    return count + _enumerated(cron, zone, at, until)


def _whole_days(period: OffsetPeriod, until: datetime) -> tuple[date, date]:
    """The days, from the first to before the last, that are far enough from the changes of the offset."""
    start = period.start.replace(tzinfo=None) + period.offset + AFTER_CHANGE
    return start.date() + DAY, (until.replace(tzinfo=None) + period.offset - BEFORE_CHANGE).date()


def _midnight(day: date, period: OffsetPeriod) -> datetime:
    return (datetime.combine(day, time.min) - period.offset).replace(tzinfo=UTC)


def _on_days(cron: CronExpression, first: date, last: date) -> int:
    days = sum(cron.matches_date(first + n * DAY) for n in range((last - first).days))
    return days * len(cron.hours) * len(cron.minutes)


def _enumerated(cron: CronExpression, zone: ZoneInfo, after: datetime, until: datetime) -> int:
    return sum(1 for _ in takewhile(lambda at: at <= until, occurrences_after(cron, zone, after)))
