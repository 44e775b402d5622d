"""What an expression means, said in words; derived from the parsed sets, never from the text."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heidi_services.scheduler.cron.occurrences import walls
from heidi_services.scheduler.cron.parser import Cron
from heidi_services.scheduler.cron.timezones import Span, spans

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
MOST_CLOCK_TIMES = 6
YEAR = timedelta(days=366)


def describe(cron: Cron, zone: ZoneInfo) -> str:
    """For example `at 02:30 on Mondays, Europe/Berlin`."""
    parts = (_time(cron), _day(cron), _month(cron))
    return " ".join(part for part in parts if part) + f", {zone.key}"


def _time(cron: Cron) -> str:
    minutes, hours = cron.minutes, cron.hours
    if len(hours) == 24:
        return _minutes_of_every_hour(minutes)
    if len(minutes) * len(hours) <= MOST_CLOCK_TIMES:
        return "at " + _join([f"{h:02}:{m:02}" for h in hours for m in minutes])
    if len(minutes) == 60:
        return f"every minute of {_numbers('hour', hours)}"
    return f"at {_numbers('minute', minutes)} past {_numbers('hour', hours)}"


def _minutes_of_every_hour(minutes: tuple[int, ...]) -> str:
    step = 60 // len(minutes)
    if minutes == tuple(range(0, 60, step)) and 60 % step == 0 and len(minutes) > 1:
        return "every minute" if step == 1 else f"every {step} minutes"
    return f"at {_numbers('minute', minutes)} past every hour"


def _day(cron: Cron) -> str:
    dates, weekdays = _dates(cron), _weekdays(cron)
    if dates and weekdays and cron.either_day:
        return f"on {dates} or on {weekdays}"
    if dates and weekdays:
        return f"on {weekdays} if on {dates}"
    if dates or weekdays:
        return f"on {dates or weekdays}"
    return "" if len(cron.hours) == 24 or len(cron.months) < 12 else "every day"


def _dates(cron: Cron) -> str:
    """Empty when every date will do."""
    if len(cron.days) == 31:
        return ""
    numbers = [_numbers("day", sorted(cron.days))] if cron.days else []
    last = ["the last day"] if cron.last_day else []
    return _join(numbers + last) + " of the month"


def _weekdays(cron: Cron) -> str:
    """Empty when every weekday will do."""
    if len(cron.weekdays) == 7:
        return ""
    plain = _plain_weekdays(cron.weekdays)
    nth = [f"the {ORDINALS[n - 1]} {WEEKDAYS[d]}" for d, n in sorted(cron.nth_weekdays)]
    last = [f"the last {WEEKDAYS[d]}" for d in sorted(cron.last_weekdays)]
    return _join(plain + nth + last) + (" of the month" if nth or last else "")


def _plain_weekdays(weekdays: frozenset[int]) -> list[str]:
    monday_first = sorted(weekdays, key=lambda weekday: (weekday - 1) % 7)
    if sorted(weekdays) == [1, 2, 3, 4, 5]:
        return ["Monday to Friday"]
    return [f"{WEEKDAYS[weekday]}s" for weekday in monday_first]


def _month(cron: Cron) -> str:
    if len(cron.months) == 12:
        return ""
    return "in " + _join([MONTHS[month - 1] for month in sorted(cron.months)])


def _numbers(noun: str, values: Collection[int]) -> str:
    runs = list(_runs(sorted(values)))
    words = [str(a) if a == b else f"{a} to {b}" if b > a + 1 else f"{a}, {b}" for a, b in runs]
    return f"{noun}{'s' if len(values) > 1 else ''} {_join(words)}"


def _runs(values: list[int]) -> Iterator[tuple[int, int]]:
    """1 2 3 7 -> (1, 3) (7, 7)"""
    start = values[0]
    for value, after in zip(values, [*values[1:], None], strict=True):
        if after != value + 1:
            yield start, value
            start = after if after is not None else value


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"


def oddities(cron: Cron, zone: ZoneInfo, start: datetime) -> list[str]:
    """What the changes of the clocks in the year from `start` do to this schedule."""
    end = start + YEAR
    changes = (span for span in spans(zone, start, end.year) if span.end <= end)
    return [note for span in changes if (note := _oddity(cron, zone, span))]


def _oddity(cron: Cron, zone: ZoneInfo, span: Span) -> str | None:
    before = span.end.replace(tzinfo=None) + span.offset
    after = span.end.replace(tzinfo=None) + span.then
    touched = list(walls(cron, min(before, after), max(before, after)))
    if not touched:
        return None
    times = _join([f"{wall:%H:%M}" for wall in touched]) if len(touched) < 4 else _range(touched)
    resumes = span.end.astimezone(zone).isoformat(timespec="minutes")
    return f"{touched[0]:%Y-%m-%d}: {times} {_fate(cron, before < after, resumes)}"


def _range(touched: list[datetime]) -> str:
    return f"{touched[0]:%H:%M} to {touched[-1]:%H:%M}"


def _fate(cron: Cron, skipped: bool, resumes: str) -> str:
    if skipped and cron.follows_clock:
        return "is skipped by the clocks, nothing runs"
    if skipped:
        return f"is skipped by the clocks, it runs once at {resumes}"
    if cron.follows_clock:
        return "comes twice, it runs both times"
    return "comes twice, it runs the first time only"
