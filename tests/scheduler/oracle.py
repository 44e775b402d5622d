"""A second implementation of cron to compare with: slow, naive, and independent of the code under test.

It takes every minute of real time, computes what the clock on the wall shows, and compares that with the text of the
expression.
"""

from calendar import monthcalendar
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def _item(item: str, value: int, low: int, high: int) -> bool:
    base, _, step = item.partition("/")
    every = int(step or 1)
    if base == "*":
        return (value - low) % every == 0
    if "-" in base:
        first, last = map(int, base.split("-"))
    else:
        first, last = int(base), high if step else int(base)
    return first <= value <= last and (value - first) % every == 0


def _any(text: str, value: int, low: int, high: int) -> bool:
    return any(_item(item, value, low, high) for item in text.split(","))


def _month_day(text: str, today: date) -> bool:
    last = max(max(week) for week in monthcalendar(today.year, today.month))
    items = [str(last) if item == "L" else item for item in text.split(",")]
    return _any(",".join(items), today.day, 1, 31)


def _week_day(text: str, today: date) -> bool:
    names = {name: str(number) for number, name in enumerate(DAYS)}
    monday_zero = today.weekday()
    column = [week[monday_zero] for week in monthcalendar(today.year, today.month)]
    dates = [day for day in column if day]
    numbers = {(monday_zero + 1) % 7, 7 if monday_zero == 6 else (monday_zero + 1) % 7}
    for item in text.upper().split(","):
        for name, number in names.items():
            item = item.replace(name, number)
        if "#" in item:
            day, nth = item.split("#")
            matches = int(day) in numbers and dates.index(today.day) + 1 == int(nth)
        elif item.endswith("L"):
            matches = int(item[:-1]) in numbers and dates[-1] == today.day
        else:
            matches = any(_item(item, day, 0, 7) for day in numbers)
        if matches:
            return True
    return False


def _matches(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    on_time = _any(minute, wall.minute, 0, 59) and _any(hour, wall.hour, 0, 23)
    return on_time and _matches_date(day, month, weekday, wall.date())


@cache  # the minutes of a day have the same date
def _matches_date(day: str, month: str, weekday: str, today: date) -> bool:
    for number, name in enumerate(MONTHS, 1):
        month = month.upper().replace(name, str(number))
    by_date, by_week = _month_day(day, today), _week_day(weekday, today)
    starred = day[0] == "*" or weekday[0] == "*"
    return _any(month, today.month, 1, 12) and ((by_date and by_week) if starred else (by_date or by_week))


def expected_occurrences(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every occurrence after `start` and not after `end`, in UTC."""
    minute, hour, *_ = expression.split()
    is_wildcard = minute[0] == "*" or hour[0] == "*"
    now = (start.astimezone(UTC) - timedelta(hours=30)).replace(second=0, microsecond=0)
    previous = now.astimezone(zone).replace(tzinfo=None)
    shown_before: set[datetime] = {previous}
    occurrences = []
    while now < end:
        now += MINUTE
        wall = now.astimezone(zone).replace(tzinfo=None)
        matches = _matches(expression, wall) and (is_wildcard or wall not in shown_before)
        skipped = previous + MINUTE
        while not is_wildcard and skipped < wall:
            matches = matches or _matches(expression, skipped)
            skipped += MINUTE
        shown_before.add(wall)
        previous = wall
        if matches and start < now <= end:
            occurrences.append(now)
    return occurrences
