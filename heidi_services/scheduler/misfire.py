"""Misfire policy: decide which of the due slots run, and which are recorded as missed.

A slot is one occurrence of a schedule's cron expression. These functions need no database.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile
from typing import Protocol

from heidi_services.scheduler.cron.occurrences import MICROSECOND, occurrences_after
from heidi_services.scheduler.cron.parser import parse_cron
from heidi_services.scheduler.cron.timezones import load_timezone
from heidi_services.scheduler.enums import MisfirePolicy

ON_TIME = timedelta(seconds=59)
"""A slot that is dispatched at most this late is on time. Slots are a minute apart, so at most one slot is on time."""

MAX_CATCH_UP_RUNS = 100
MAX_SLOTS_PER_PLAN = 500


class Timing(Protocol):
    """The attributes of a schedule that determine its slots."""

    @property
    def cron_expression(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def end_at(self) -> datetime | None: ...
    @property
    def misfire_policy(self) -> str: ...
    @property
    def misfire_window_seconds(self) -> int: ...


@dataclass(frozen=True)
class SlotPlan:
    """What to do with the due slots. `next_run` is the slot that follows them, or None if there is none."""

    to_run: list[datetime]
    missed: list[datetime]
    next_run: datetime | None

    @property
    def count(self) -> int:
        return len(self.to_run) + len(self.missed)

    def is_caught_up(self, now: datetime) -> bool:
        return self.next_run is None or self.next_run > now


def plan_slots(schedule: Timing, first: datetime, now: datetime) -> SlotPlan:
    """Apply the misfire policy to the slots from `first` to `now`.

    Args:
        schedule: The schedule, or its row.
        first: The oldest slot that has not been dispatched.
        now: The database's time.

    Returns:
        A plan for at most 500 slots, oldest first. If more are due, `next_run` is the next of them, so that the
        schedule stays due.
    """
    due, following = _due_slots(schedule, first, now)
    later = 0 if following is None or following > now else _count_later(schedule, due[-1], now)
    split = len(due) - _count_to_run(schedule, due, later, now)
    return SlotPlan(to_run=due[split:], missed=due[:split], next_run=following)


def _due_slots(schedule: Timing, first: datetime, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The slots to plan now, and the one that follows them."""
    due: list[datetime] = []
    for slot in chain([first], slots_after(schedule, first)):
        if slot > now or len(due) == MAX_SLOTS_PER_PLAN:
            return due, slot
        due.append(slot)
    return due, None


def _count_later(schedule: Timing, after: datetime, now: datetime) -> int:
    """Count the slots that are due as well but left to a later plan. More than MAX_CATCH_UP_RUNS make no difference."""
    due = takewhile(lambda slot: slot <= now, slots_after(schedule, after))
    return _count(islice(due, MAX_CATCH_UP_RUNS))


def _count_to_run(schedule: Timing, due: list[datetime], later: int, now: datetime) -> int:
    """How many of the newest slots in `due` run."""
    if schedule.misfire_policy == MisfirePolicy.ALL:
        since = now - max(timedelta(seconds=schedule.misfire_window_seconds), ON_TIME)
        return min(MAX_CATCH_UP_RUNS - later, _count(slot for slot in due if slot >= since))
    if later:
        return 0
    return 1 if schedule.misfire_policy == MisfirePolicy.LATEST or now - due[-1] <= ON_TIME else 0


def slots_after(schedule: Timing, after: datetime) -> Iterator[datetime]:
    """Iterate over the schedule's slots strictly after an instant, up to its end (inclusive)."""
    slots = occurrences_after(parse_cron(schedule.cron_expression), load_timezone(schedule.timezone), after)
    return takewhile(lambda slot: schedule.end_at is None or slot <= schedule.end_at, slots)


def slots_from(schedule: Timing, start: datetime) -> Iterator[datetime]:
    """Iterate over the schedule's slots at or after an instant, up to its end (inclusive)."""
    return slots_after(schedule, start - MICROSECOND)


def next_slot(schedule: Timing, now: datetime, start_at: datetime | None) -> datetime | None:
    """Find the first slot after `now` that is not before the schedule's start."""
    after = now if start_at is None else max(now, start_at - MICROSECOND)
    return next(slots_after(schedule, after), None)


def _count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)
