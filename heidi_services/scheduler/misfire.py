"""Which of the slots that have come are to run: a rule without a database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile
from typing import Protocol

from heidi_services.scheduler import cron
from heidi_services.scheduler.enums import Misfire

ON_TIME = timedelta(seconds=59)
"""A slot fired less than a minute late is on time: slots are a minute apart, so there is one such at most."""

MOST_CAUGHT_UP = 100
CHUNK = 500
INSTANT = timedelta(microseconds=1)


class Timed(Protocol):
    """What of a schedule decides its slots."""

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
class Plan:
    """What becomes of the slots that have come. `next_run` is after the last of them, never after now."""

    to_run: list[datetime]
    missed: list[datetime]
    next_run: datetime | None

    @property
    def count(self) -> int:
        return len(self.to_run) + len(self.missed)

    def is_caught_up(self, now: datetime) -> bool:
        return self.next_run is None or self.next_run > now


def plan(schedule: Timed, first: datetime, now: datetime) -> Plan:
    """Look at the slots from `first` to `now`, at most CHUNK of them; the rest stays due."""
    come: list[datetime] = []
    following = None
    for slot in chain([first], slots_of(schedule, first)):
        if slot > now or len(come) == CHUNK:
            following = slot
            break
        come.append(slot)
    later = 0 if following is None or following > now else _count_later(schedule, come[-1], now)
    split = len(come) - _to_run(schedule, come, later, now)
    return Plan(to_run=come[split:], missed=come[:split], next_run=following)


def _count_later(schedule: Timed, after: datetime, now: datetime) -> int:
    """Slots that have come too, and are looked at later; no more are counted than matter."""
    come = takewhile(lambda slot: slot <= now, slots_of(schedule, after))
    return _count(islice(come, MOST_CAUGHT_UP))


def _to_run(schedule: Timed, come: list[datetime], later: int, now: datetime) -> int:
    """How many of the newest in `come` run."""
    if schedule.misfire_policy == Misfire.ALL:
        since = now - max(timedelta(seconds=schedule.misfire_window_seconds), ON_TIME)
        return min(MOST_CAUGHT_UP - later, _count(slot for slot in come if slot >= since))
    if later:
        return 0
    return 1 if schedule.misfire_policy == Misfire.LATEST or now - come[-1] <= ON_TIME else 0


def slots_of(schedule: Timed, after: datetime) -> Iterator[datetime]:
    """The schedule's slots after an instant, up to its end."""
    slots = cron.slots(cron.parse(schedule.cron_expression), cron.zone(schedule.timezone), after)
    return takewhile(lambda slot: schedule.end_at is None or slot <= schedule.end_at, slots)


def first_slot(schedule: Timed, now: datetime, start_at: datetime | None) -> datetime | None:
    """The first slot after now, and not before the schedule's start."""
    after = now if start_at is None else max(now, start_at - INSTANT)
    return next(slots_of(schedule, after), None)


def _count(things: Iterable[object]) -> int:
    return sum(1 for _ in things)
