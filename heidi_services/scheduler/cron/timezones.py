"""IANA time zones, and the instants at which their UTC offset changes (daylight saving, new time zone laws)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from heidi_common.schemas import timezones


class TimezoneError(ValueError):
    """The name is not an IANA time zone."""


@dataclass(frozen=True)
class OffsetPeriod:
    """From `start` to before `end` the clocks are `offset` ahead of UTC, then `next_offset`."""

    start: datetime
    end: datetime
    offset: timedelta
    next_offset: timedelta


def load_timezone(name: str) -> ZoneInfo:
    if name not in timezones.timezone_names():
        raise TimezoneError(f"'{name}' is not an IANA time zone such as Europe/Berlin (case matters)")
    return ZoneInfo(name)


def offset_at(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def wall_clock_at(zone: ZoneInfo, at: datetime) -> datetime:
    """What the clocks show at an instant, without a time zone. If they change at this instant: what they showed until
    then, because an occurrence in a skipped hour takes place at its end."""
    shortest = timedelta(microseconds=1)
    return (at.astimezone(UTC) - shortest).astimezone(zone).replace(tzinfo=None) + shortest


def offset_periods(zone: ZoneInfo, start: datetime, last_year: int) -> Iterator[OffsetPeriod]:
    """Split the time from `start` to the end of `last_year` into periods of constant UTC offset."""
    start = start.astimezone(UTC)
    offset = offset_at(zone, start)
    for year in range(start.year, last_year + 1):
        for at, next_offset in _offset_changes(zone.key, year):
            if at > start:
                yield OffsetPeriod(start, at, offset, next_offset)
                start, offset = at, next_offset
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    yield OffsetPeriod(start, end, offset, offset)


@lru_cache(maxsize=8192)
def _offset_changes(key: str, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """The changes of a year as (instant, offset from then on). zoneinfo has no list of them: probe every day."""
    zone = ZoneInfo(key)
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = (datetime(year + 1, 1, 1, tzinfo=UTC) - first).days
    probes = [first + timedelta(days=n) for n in range(days + 1)]
    offsets = [offset_at(zone, probe) for probe in probes]
    return tuple(
        (_first_second_after_change(zone, probes[n], probes[n + 1]), offsets[n + 1])
        for n in range(days)
        if offsets[n] != offsets[n + 1]
    )


def _first_second_after_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Bisect to the first second that has another offset than `before`."""
    old_offset = offset_at(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if offset_at(zone, middle) == old_offset:
            before = middle
        else:
            after = middle
    return after
