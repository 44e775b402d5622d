"""Dates on which a schedule has no slots: single ones, and the holidays of calendars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class CalendarError(ValueError):
    """The calendar does not exist. The message says which ones do."""


@lru_cache(maxsize=256)
def load_calendar(name: str) -> Any:
    """Load a calendar of holidays.

    Args:
        name: A country (`DE`), a country with a region (`DE-BY`), or a financial market (`ECB`, `XNYS`).

    Returns:
        A container of dates. Years are added when they are asked for.

    Raises:
        CalendarError: The calendar does not exist.
    """
    import holidays  # 60 ms, and only needed by schedules that have calendars

    if name in holidays.list_supported_financial():
        return holidays.financial_holidays(name)
    country, _, region = name.partition("-")
    regions = holidays.list_supported_countries().get(country) if len(country) == 2 else None
    if regions is None:
        raise CalendarError(
            f"'{name}' is not a calendar: use a country (DE), a region (DE-BY) or a market (ECB, XNYS)."
        )
    if region and region not in regions:
        raise CalendarError(f"{country} has no region '{region}'; its regions are {', '.join(regions) or 'not known'}.")
    return holidays.country_holidays(country, subdiv=region or None)


@dataclass(frozen=True)
class Exclusions:
    """The excluded dates, in the time zone of the schedule."""

    zone: ZoneInfo
    dates: frozenset[str]
    calendars: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.dates or self.calendars)

    def exclude(self, at: datetime) -> bool:
        """Whether an instant is on an excluded date."""
        return self._is_excluded(at.astimezone(self.zone).date())

    def periods(self, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The excluded parts of the time after an instant, up to another one, each as (after, until)."""
        day, last = after.astimezone(self.zone).date(), until.astimezone(self.zone).date()
        instant = timedelta(microseconds=1)
        while day <= last:
            if self._is_excluded(day):
                start, end = self._midnight(day) - instant, self._midnight(day + DAY) - instant
                yield max(after, start), min(until, end)
            day += DAY

    def _is_excluded(self, day: date) -> bool:
        return day.isoformat() in self.dates or any(day in load_calendar(name) for name in self.calendars)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)


def exclusions_of(zone: ZoneInfo, dates: Sequence[str], calendars: Sequence[str]) -> Exclusions:
    """The excluded dates of a schedule."""
    return Exclusions(zone, frozenset(dates), tuple(calendars))
