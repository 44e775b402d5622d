"""A cron expression as sets of numbers."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

MAX_LENGTH = 120
MACROS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class CronError(ValueError):
    """The expression cannot be run; the message is for the person who wrote it."""


@dataclass(frozen=True)
class Field:
    name: str
    low: int
    high: int
    names: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        if text in self.names:
            return self.names[text]
        if not text.isdigit():
            raise CronError(f"{self.name}: '{text}' is not understood")
        value = int(text)
        if not self.low <= value <= self.high:
            raise CronError(f"{self.name} {value} is out of range {self.low}-{self.high}")
        return value

    def step(self, text: str) -> int:
        if not text.isdigit() or int(text) == 0:
            raise CronError(f"{self.name}: '/{text}' is not a step; write a number from 1")
        return int(text)

    def span(self, text: str) -> range:
        """`*`, `a`, `a-b`, each with or without `/n`; a lone `a/n` runs on to the end."""
        base, slash, step = text.partition("/")
        by = self.step(step) if slash else 1
        if base == "*":
            return range(self.low, self.high + 1, by)
        first, dash, last = base.partition("-")
        start = self.number(first)
        end = self.number(last) if dash else self.high if slash else start
        if end < start:
            raise CronError(f"{self.name}: the range '{base}' runs backwards")
        return range(start, end + 1, by)

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for item in text.split(",") for value in self.span(item))


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of month", 1, 31)
MONTH = Field("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
WEEKDAY = Field("day of week", 0, 7, {name: number for number, name in enumerate(WEEKDAYS)})


@dataclass(frozen=True)
class Cron:
    """What an expression means. Weekdays count from Sunday = 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]  # (weekday, which of the month)
    last_weekdays: frozenset[int]
    either_day: bool  # day of month OR day of week; else both must agree
    follows_clock: bool  # `*` in minute or hour: runs by real time, whatever the clocks show

    def on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        if self.either_day:
            return self._day_of_month(day) or self._day_of_week(day)
        return self._day_of_month(day) and self._day_of_week(day)

    def _day_of_month(self, day: date) -> bool:
        return day.day in self.days or (self.last_day and day.day == _length(day))

    def _day_of_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return (
            weekday in self.weekdays
            or (weekday, (day.day + 6) // 7) in self.nth_weekdays
            or (weekday in self.last_weekdays and day.day + 7 > _length(day))
        )


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron:
    """Raises CronError for what is not understood and for dates that never come."""
    if not expression.isascii() or len(expression) > MAX_LENGTH:
        raise CronError(f"write at most {MAX_LENGTH} ASCII characters")
    text = expression.strip(" \t").upper()
    fields = re.split(r"[ \t]+", MACROS.get(text, text))
    if text.startswith("@") and text not in MACROS:
        raise CronError(f"'{expression}' is not known; use {', '.join(MACROS).lower()}")
    if len(fields) != 5:
        raise CronError(f"five fields are needed (minute hour day month weekday), {len(fields)} found")
    cron = _build(*fields)
    if not any(map(cron.on, _leap_cycle())):
        raise CronError("no date ever matches day of month, month and day of week")
    return cron


def _build(minute: str, hour: str, day: str, month: str, weekday: str) -> Cron:
    days, last_day = _days(day)
    weekdays, nth, last = _weekdays(weekday)
    return Cron(
        minutes=tuple(sorted(MINUTE.values(minute))),
        hours=tuple(sorted(HOUR.values(hour))),
        days=days,
        last_day=last_day,
        months=MONTH.values(month),
        weekdays=weekdays,
        nth_weekdays=nth,
        last_weekdays=last,
        either_day=not (day.startswith("*") or weekday.startswith("*")),
        follows_clock=minute.startswith("*") or hour.startswith("*"),
    )


def _days(text: str) -> tuple[frozenset[int], bool]:
    items = text.split(",")
    plain = [item for item in items if item != "L"]
    return frozenset(v for item in plain for v in DAY.span(item)), "L" in items


def _weekdays(text: str) -> tuple[frozenset[int], frozenset[tuple[int, int]], frozenset[int]]:
    plain: set[int] = set()
    nth: set[tuple[int, int]] = set()
    last: set[int] = set()
    for item in text.split(","):
        base, mark, which = item.partition("#")
        if mark:
            if which not in {"1", "2", "3", "4", "5"}:
                raise CronError(f"day of week: '#{which}' must be #1 to #5")
            nth.add((WEEKDAY.number(base) % 7, int(which)))
        elif item.endswith("L") and item != "L":
            last.add(WEEKDAY.number(item[:-1]) % 7)
        else:
            plain.update(value % 7 for value in WEEKDAY.span(item))
    return frozenset(plain), frozenset(nth), frozenset(last)


def _leap_cycle() -> Iterator[date]:
    """28 years hold every pairing of date and weekday, the 29th of February included."""
    first = date(2000, 1, 1)
    return (first + timedelta(days=n) for n in range(28 * 366))


def _length(day: date) -> int:
    return monthrange(day.year, day.month)[1]
