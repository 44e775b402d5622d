"""Misfire policy: decide which of the due slots run, and which are recorded as missed.

A slot is one occurrence of a schedule's cron expression or interval, or its only time. These functions need
no database. Their cost does not grow with the number of due slots: after a month without a clock, a minute schedule has
43,200.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, filterfalse, takewhile
from typing import Protocol

from heidi_services.scheduler.cron.counting import count_occurrences
from heidi_services.scheduler.cron.exclusions import Exclusions, exclusions_of
from heidi_services.scheduler.cron.intervals import count_instants, instants_after, parse_interval
from heidi_services.scheduler.cron.occurrences import MICROSECOND, occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import load_timezone
from heidi_services.scheduler.enums import MisfirePolicy, ScheduleKind

ON_TIME = timedelta(seconds=59)
"""A slot that is dispatched at most this late is on time. Slots are a minute apart, so at most one slot is on time."""

MAX_CATCH_UP_RUNS = 100
FIRST_SPAN = timedelta(hours=2)
"""The newest slots are searched for in a period of this length, then in longer ones."""


class Timing(Protocol):
    """The attributes of a schedule that determine its slots."""

    @property
    def kind(self) -> str: ...
    @property
    def cron_expression(self) -> str: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def every(self) -> str | None: ...
    @property
    def anchor_at(self) -> datetime | None: ...
    @property
    def excluded_dates(self) -> list[str]: ...
    @property
    def holiday_calendars(self) -> list[str]: ...
    @property
    def timezone(self) -> str: ...
    @property
    def end_at(self) -> datetime | None: ...
    @property
    def misfire_policy(self) -> str: ...
    @property
    def misfire_window_seconds(self) -> int: ...


@dataclass(frozen=True)
class MissedSlots:
    """A range of slots that do not run, the first and the last one included."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True)
class SlotPlan:
    """What to do with the due slots.

    Attributes:
        newest: The newest slot, if it runs.
        catch_up: Older slots that run as well, oldest first.
        missed: The slots before those, which do not run.
        next_run: The slot that follows the due slots; None if there is none.
    """

    newest: datetime | None = None
    catch_up: list[datetime] = field(default_factory=list)
    missed: MissedSlots | None = None
    next_run: datetime | None = None


def plan_slots(schedule: Timing, first: datetime, now: datetime) -> SlotPlan:
    """Apply the misfire policy to the slots from `first` to `now`.

    Args:
        schedule: The schedule, or its row.
        first: The oldest slot that has not been dispatched. It counts as a slot even if the expression has changed.
        now: The database's time, not before `first`.
    """
    due = DueSlots(schedule, first, now)
    to_run = due.newest(*_catch_up_limits(schedule, now))
    missed = due.missed_before(to_run[0] if to_run else now + MICROSECOND)
    following = next(slots_after(schedule, now), None)
    return SlotPlan(to_run[-1] if to_run else None, to_run[:-1], missed, following)


def _catch_up_limits(schedule: Timing, now: datetime) -> tuple[int, datetime]:
    """How many of the newest slots run, and how old they may be. A slot on time runs under every policy."""
    window = max(timedelta(seconds=schedule.misfire_window_seconds), ON_TIME)
    if schedule.misfire_policy == MisfirePolicy.SKIP:
        return 1, now - ON_TIME
    return MAX_CATCH_UP_RUNS if schedule.misfire_policy == MisfirePolicy.ALL else 1, now - window


@dataclass(frozen=True)
class DueSlots:
    """The slots from `first` to `now`."""

    schedule: Timing
    first: datetime
    now: datetime

    def newest(self, number: int, since: datetime, before: datetime | None = None) -> list[datetime]:
        """The newest slots that are neither older than `since` nor at or after `before`, at most `number`."""
        end = self.now if before is None else before - MICROSECOND
        earliest, span = max(self.first, since), FIRST_SPAN
        while True:
            start = max(earliest, end - span)
            slots = list(takewhile(lambda slot: slot <= end, self._slots_from(start)))
            if len(slots) >= number or start == earliest:
                return slots[-number:]
            span *= 4

    def missed_before(self, end: datetime) -> MissedSlots | None:
        """The slots before `end`, as a range."""
        last = self.newest(1, self.first, end)
        return MissedSlots(self.first, last[0], self._count(last[0])) if last else None

    def _slots_from(self, start: datetime) -> Iterator[datetime]:
        if start <= self.first:
            return chain([self.first], slots_after(self.schedule, self.first))
        return slots_from(self.schedule, start)

    def _count(self, last: datetime) -> int:
        return 1 + count_slots(self.schedule, self.first, last)


def count_slots(schedule: Timing, after: datetime, until: datetime) -> int:
    """Count the schedule's slots after an instant, up to another one (inclusive)."""
    until = until if schedule.end_at is None else min(until, schedule.end_at)
    exclusions = _exclusions(schedule)
    periods = exclusions.periods(after, until) if exclusions else ()
    return _count(schedule, after, until) - sum(_count(schedule, *period) for period in periods)


def _count(schedule: Timing, after: datetime, until: datetime) -> int:
    if schedule.kind == ScheduleKind.AT:
        return int(schedule.at is not None and after < schedule.at <= until)
    if schedule.kind == ScheduleKind.EVERY:
        return count_instants(*_interval(schedule), after, until)
    return count_occurrences(parse_cron(schedule.cron_expression), load_timezone(schedule.timezone), after, until)


def slots_after(schedule: Timing, after: datetime) -> Iterator[datetime]:
    """Iterate over the schedule's slots strictly after an instant, up to its end (inclusive)."""
    slots = takewhile(lambda slot: schedule.end_at is None or slot <= schedule.end_at, _all_after(schedule, after))
    exclusions = _exclusions(schedule)
    return filterfalse(exclusions.exclude, slots) if exclusions else slots


def _all_after(schedule: Timing, after: datetime) -> Iterator[datetime]:
    if schedule.kind == ScheduleKind.AT:
        return iter([schedule.at] if schedule.at is not None and schedule.at > after else [])
    if schedule.kind == ScheduleKind.EVERY:
        return instants_after(*_interval(schedule), after)
    return occurrences_after(parse_cron(schedule.cron_expression), load_timezone(schedule.timezone), after)


def _interval(schedule: Timing) -> tuple[timedelta, datetime]:
    assert schedule.every is not None and schedule.anchor_at is not None
    return parse_interval(schedule.every), schedule.anchor_at


def _exclusions(schedule: Timing) -> Exclusions:
    zone = load_timezone(schedule.timezone)
    return exclusions_of(zone, schedule.excluded_dates or (), schedule.holiday_calendars or ())


def slots_from(schedule: Timing, start: datetime) -> Iterator[datetime]:
    """Iterate over the schedule's slots at or after an instant, up to its end (inclusive)."""
    return slots_after(schedule, start - MICROSECOND)


def next_slot(schedule: Timing, now: datetime, start_at: datetime | None) -> datetime | None:
    """Find the first slot after `now` that is not before the schedule's start."""
    after = now if start_at is None else max(now, start_at - MICROSECOND)
    return next(slots_after(schedule, after), None)
