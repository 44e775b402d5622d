"""Parse cron expressions: five fields, or a macro such as `@daily`."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from heidi_services.scheduler.cron.expression import CronExpression
from heidi_services.scheduler.cron.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY, CronError

MAX_LENGTH = 120
FIELD_NAMES = "minute hour day-of-month month day-of-week"
MACROS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}


@lru_cache(maxsize=4096)
def parse_cron(expression: str) -> CronExpression:
    """Parse a cron expression.

    Args:
        expression: Five fields or a macro, in upper or lower case, at most 120 ASCII characters.

    Returns:
        The expression as sets of numbers.

    Raises:
        CronError: The syntax is not valid, or no date of the calendar ever matches (30 February).

    Source: crontab(5) of Debian, extended by `L`, `#` and `<weekday>L`. Seconds, `?`, `W` and `@reboot` are not
    supported.
    """
    cron = _build(*_split_fields(expression))
    if not any(map(cron.matches_date, _leap_cycle())):
        raise CronError("no date matches day of month, month and day of week")
    return cron


def _split_fields(expression: str) -> list[str]:
    """Split into five fields in upper case; a macro is replaced by its expression."""
    if not expression.isascii():
        raise CronError("only ASCII characters are allowed; check for characters pasted from a document")
    if len(expression) > MAX_LENGTH:
        raise CronError(_too_long(len(expression)))
    text = expression.strip(" \t").upper()
    if text.startswith("@") and text not in MACROS:
        interval = ", or `every` with a duration such as PT5M" if text.startswith("@EVERY") else ""
        raise CronError(f"'{expression}' is not a known macro; use {', '.join(MACROS).lower()}{interval}")
    fields = re.split(r"[ \t]+", MACROS.get(text, text))
    if len(fields) != 5:
        raise CronError(_wrong_count(len(fields) if text else 0))
    return fields


def _too_long(length: int) -> str:
    return (
        f"the expression has {length} characters; the maximum is {MAX_LENGTH}: write ranges (1-5) and steps (*/5) "
        "instead of long lists, or create several schedules"
    )


def _wrong_count(count: int) -> str:
    hint = "; a field for seconds is not supported" if count == 6 else ""
    return f"expected 5 fields ({FIELD_NAMES}), got {count}{hint}"


def _build(minute: str, hour: str, day: str, month: str, weekday: str) -> CronExpression:
    days, last_day = _parse_days(day)
    weekdays, nth_weekdays, last_weekdays = _parse_weekdays(weekday)
    return CronExpression(
        minutes=tuple(sorted(MINUTE.parse_list(minute))),
        hours=tuple(sorted(HOUR.parse_list(hour))),
        days=days,
        last_day=last_day,
        months=MONTH.parse_list(month),
        weekdays=weekdays,
        nth_weekdays=nth_weekdays,
        last_weekdays=last_weekdays,
        either_day=not (day.startswith("*") or weekday.startswith("*")),
        is_wildcard=minute.startswith("*") or hour.startswith("*"),
    )


def _parse_days(text: str) -> tuple[frozenset[int], bool]:
    items = text.split(",")
    for item in items:
        if re.fullmatch(r"L-\d+|\d+-L", item):
            raise CronError(
                f"day of month: '{item}' is not supported; L is the last day, and days before it are numbers"
            )
    numeric = [item for item in items if item != "L"]
    return frozenset(day for item in numeric for day in DAY.parse_item(item)), "L" in items


def _parse_weekdays(text: str) -> tuple[frozenset[int], frozenset[tuple[int, int]], frozenset[int]]:
    """Parse the day of week field into (every week, n-th of the month, last of the month). Sunday is 0 and 7."""
    weekly: set[int] = set()
    nth: set[tuple[int, int]] = set()
    last: set[int] = set()
    for item in text.split(","):
        if "#" in item:
            nth.add(_parse_nth_weekday(item))
        elif item.endswith("L") and item != "L":
            last.add(WEEKDAY.parse_number(item[:-1]) % 7)
        else:
            weekly.update(value % 7 for value in WEEKDAY.parse_item(item))
    return frozenset(weekly), frozenset(nth), frozenset(last)


def _parse_nth_weekday(item: str) -> tuple[int, int]:
    base, _, nth = item.partition("#")
    if nth not in {"1", "2", "3", "4", "5"}:
        raise CronError(f"day of week: '#{nth}' must be #1 to #5")
    return WEEKDAY.parse_number(base) % 7, int(nth)


def _leap_cycle() -> Iterator[date]:
    """28 years contain every pairing of date and weekday, 29 February included."""
    first = date(2000, 1, 1)
    return (first + timedelta(days=n) for n in range(28 * 366))
