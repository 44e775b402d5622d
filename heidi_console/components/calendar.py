"""The calendar of schedules: what runs on each of the coming seven days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from heidi_console.translations.times import parse_time, user_zone

DAYS = 7
Upcoming = tuple[Mapping[str, Any], Mapping[str, Any] | None]
"""A schedule, and its next occurrences; None if they are unavailable."""


@dataclass
class CalendarEntry:
    """A schedule on a day.

    Attributes:
        times: When it runs on that day, `HH:MM`.
        is_cut: Whether it runs more often than the API lists.
    """

    schedule: Mapping[str, Any]
    times: list[str] = field(default_factory=list)
    is_cut: bool = False


@dataclass
class Day:
    """A day with the schedules that run on it, in the order of their first run."""

    date: date
    entries: list[CalendarEntry]


def coming_week(upcoming: Iterable[Upcoming], now: datetime | None = None) -> list[Day]:
    """The coming seven days, beginning with today, in the time zone of the user."""
    zone = user_zone()
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    days: dict[date, list[CalendarEntry]] = {today + timedelta(days=number): [] for number in range(DAYS)}
    for schedule, preview in upcoming:
        times = [instant.astimezone(zone) for text in (preview or {}).get("times", ()) if (instant := parse_time(text))]
        _place(days, schedule, times)
    return [Day(day, sorted(entries, key=lambda entry: entry.times[0])) for day, entries in days.items()]


def _place(days: dict[date, list[CalendarEntry]], schedule: Mapping[str, Any], times: list[datetime]) -> None:
    """Add a schedule to the days on which it runs."""
    entries: dict[date, CalendarEntry] = {}
    for time in times:
        if time.date() in days:
            entries.setdefault(time.date(), CalendarEntry(schedule)).times.append(f"{time:%H:%M}")
    last = max(entries, default=None)
    if last is not None and times[-1].date() == last:
        entries[last].is_cut = len(times) >= 100
    for day, entry in entries.items():
        days[day].append(entry)
