"""Describe a cron expression or an interval, derived from the parsed values and never from the text."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.wording import wording
from heidi_services.scheduler.cron.wording.base import Wording

MAX_LISTED_TIMES = 6


def describe_cron(cron: CronExpression, zone: ZoneInfo, language: str | None = None) -> str:
    """Describe an expression, for example `at 02:30 on Mondays, Europe/Berlin`.

    Args:
        cron: The expression.
        zone: The time zone of its times.
        language: A language tag; other languages than those of `wording` are described in English.
    """
    words = wording(language)
    dates, weekdays = _dates(cron, words), _weekdays(cron, words)
    is_combined = bool(dates and weekdays)
    days = _days(cron, dates, weekdays, words)
    return f"{words.sentence(_times(cron, words), days, _months(cron, words), is_combined=is_combined)}, {zone.key}"


def describe_interval(interval: timedelta, language: str | None = None) -> str:
    """Describe an interval, for example `every 1 hour 30 minutes`."""
    minutes, seconds = divmod(interval.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return wording(language).every(interval.days, hours, minutes, seconds)


def _times(cron: CronExpression, words: Wording) -> str:
    minutes, hours = cron.minutes, cron.hours
    if len(hours) == 24:
        return _minutes_of_every_hour(minutes, words)
    if len(minutes) * len(hours) <= MAX_LISTED_TIMES:
        return words.at_times([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
    return words.every_minute_of(hours) if len(minutes) == 60 else words.at_minutes(minutes, hours)


def _minutes_of_every_hour(minutes: tuple[int, ...], words: Wording) -> str:
    step = 60 // len(minutes)
    if minutes == tuple(range(0, 60, step)) and 60 % step == 0 and len(minutes) > 1:
        return words.every_minutes(step)
    return words.at_minutes(minutes, None)


def _days(cron: CronExpression, dates: str, weekdays: str, words: Wording) -> str:
    if dates and weekdays:
        return words.either(dates, weekdays) if cron.either_day else words.both(dates, weekdays)
    if (dates or weekdays) and not cron.either_day:
        return dates or weekdays
    # One of the fields matches every day. If either of them is sufficient, the other one restricts nothing.
    return "" if len(cron.hours) == 24 or len(cron.months) < 12 else words.every_day()


def _dates(cron: CronExpression, words: Wording) -> str:
    """Empty if every day of the month matches."""
    return "" if len(cron.days) == 31 else words.on_dates(cron.days, last=cron.last_day)


def _weekdays(cron: CronExpression, words: Wording) -> str:
    """Empty if every day of the week matches."""
    if len(cron.weekdays) == 7:
        return ""
    monday_first = sorted(cron.weekdays, key=lambda weekday: (weekday - 1) % 7)
    return words.on_weekdays(monday_first, sorted(cron.nth_weekdays), sorted(cron.last_weekdays))


def _months(cron: CronExpression, words: Wording) -> str:
    return "" if len(cron.months) == 12 else words.in_months(sorted(cron.months))
