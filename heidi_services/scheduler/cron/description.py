"""Describe a cron expression in English, derived from the parsed sets and never from the text."""

from collections.abc import Collection, Iterator
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.expression import CronExpression

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
MAX_LISTED_TIMES = 6


def describe_cron(cron: CronExpression, zone: ZoneInfo) -> str:
    """Describe an expression, for example `at 02:30 on Mondays, Europe/Berlin`."""
    parts = (_times(cron), _days(cron), _months(cron))
    return " ".join(part for part in parts if part) + f", {zone.key}"


def _times(cron: CronExpression) -> str:
    minutes, hours = cron.minutes, cron.hours
    if len(hours) == 24:
        return _minutes_of_every_hour(minutes)
    if len(minutes) * len(hours) <= MAX_LISTED_TIMES:
        return "at " + join_words([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
    if len(minutes) == 60:
        return f"every minute of {_numbers('hour', hours)}"
    return f"at {_numbers('minute', minutes)} past {_numbers('hour', hours)}"


def _minutes_of_every_hour(minutes: tuple[int, ...]) -> str:
    step = 60 // len(minutes)
    if minutes == tuple(range(0, 60, step)) and 60 % step == 0 and len(minutes) > 1:
        return "every minute" if step == 1 else f"every {step} minutes"
    return f"at {_numbers('minute', minutes)} past every hour"


def _days(cron: CronExpression) -> str:
    dates, weekdays = _dates(cron), _weekdays(cron)
    if cron.either_day and not (dates and weekdays):
        dates = weekdays = ""  # one of the fields matches every day, and either of them is sufficient
    if dates and weekdays and cron.either_day:
        return f"on {dates} or on {weekdays}"
    if dates and weekdays:
        return f"on {weekdays} if on {dates}"
    if dates or weekdays:
        return f"on {dates or weekdays}"
    return "" if len(cron.hours) == 24 or len(cron.months) < 12 else "every day"


def _dates(cron: CronExpression) -> str:
    """Empty if every day of the month matches."""
    if len(cron.days) == 31:
        return ""
    numbered = [_numbers("day", sorted(cron.days))] if cron.days else []
    last = ["the last day"] if cron.last_day else []
    return join_words(numbered + last) + " of the month"


def _weekdays(cron: CronExpression) -> str:
    """Empty if every day of the week matches."""
    if len(cron.weekdays) == 7:
        return ""
    weekly = _weekly(cron.weekdays)
    nth = [f"the {ORDINALS[n - 1]} {WEEKDAYS[weekday]}" for weekday, n in sorted(cron.nth_weekdays)]
    last = [f"the last {WEEKDAYS[weekday]}" for weekday in sorted(cron.last_weekdays)]
    return join_words(weekly + nth + last) + (" of the month" if nth or last else "")


def _weekly(weekdays: frozenset[int]) -> list[str]:
    monday_first = sorted(weekdays, key=lambda weekday: (weekday - 1) % 7)
    if monday_first == [1, 2, 3, 4, 5]:
        return ["Monday to Friday"]
    return [f"{WEEKDAYS[weekday]}s" for weekday in monday_first]


def _months(cron: CronExpression) -> str:
    if len(cron.months) == 12:
        return ""
    return "in " + join_words([MONTHS[month - 1] for month in sorted(cron.months)])


def _numbers(noun: str, values: Collection[int]) -> str:
    plural = "s" if len(values) > 1 else ""
    return f"{noun}{plural} {join_words([_range(*bounds) for bounds in _consecutive(sorted(values))])}"


def _range(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first} to {last}" if last > first + 1 else f"{first}, {last}"


def _consecutive(values: list[int]) -> Iterator[tuple[int, int]]:
    """Group consecutive numbers: 1 2 3 7 -> (1, 3) (7, 7)."""
    first = previous = values[0]
    for value in values[1:]:
        if value != previous + 1:
            yield first, previous
            first = value
        previous = value
    yield first, previous


def join_words(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
