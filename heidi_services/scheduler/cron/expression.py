"""A parsed cron expression: the values of each field as sets of numbers."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class CronExpression:
    """What an expression means. Weekdays count from Sunday = 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    """(weekday, which one of the month, 1 to 5)"""
    last_weekdays: frozenset[int]
    either_day: bool
    """A date matches by day of month OR day of week. Otherwise it must match both."""
    is_wildcard: bool
    """The minute or hour field starts with `*`: the job runs by elapsed time, whatever the clocks show."""

    def matches_date(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        if self.either_day:
            return self._matches_day_of_month(day) or self._matches_weekday(day)
        return self._matches_day_of_month(day) and self._matches_weekday(day)

    def _matches_day_of_month(self, day: date) -> bool:
        return day.day in self.days or (self.last_day and day.day == _days_in_month(day))

    def _matches_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return (
            weekday in self.weekdays
            or (weekday, (day.day + 6) // 7) in self.nth_weekdays
            or (weekday in self.last_weekdays and day.day + 7 > _days_in_month(day))
        )


def _days_in_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]
