"""Time zones and the moments when their clocks change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from heidi_common.schemas import timezones


class ZoneError(ValueError):
    """Not an IANA time zone."""


@dataclass(frozen=True)
class Span:
    """From `start` up to `end` the clocks are `offset` ahead of UTC, then `then`."""

    start: datetime
    end: datetime
    offset: timedelta
    then: timedelta


def zone(name: str) -> ZoneInfo:
    if name not in timezones.names():
        raise ZoneError(f"'{name}' is not an IANA time zone such as Europe/Berlin")
    return ZoneInfo(name)


def offset_at(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def spans(zone: ZoneInfo, start: datetime, last_year: int) -> Iterator[Span]:
    """The time from `start` to the end of `last_year`, cut where the clocks change."""
    start = start.astimezone(UTC)
    offset = offset_at(zone, start)
    for year in range(start.year, last_year + 1):
        for at, then in _changes(zone.key, year):
            if at > start:
                yield Span(start, at, offset, then)
                start, offset = at, then
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    yield Span(start, end, offset, offset)


@lru_cache(maxsize=8192)
def _changes(key: str, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """(instant, offset from then on). zoneinfo does not tell, so every day is probed."""
    zone = ZoneInfo(key)
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = (datetime(year + 1, 1, 1, tzinfo=UTC) - first).days
    probes = [first + timedelta(days=n) for n in range(days + 1)]
    offsets = [offset_at(zone, probe) for probe in probes]
    return tuple(
        (_change_between(zone, probes[n], probes[n + 1]), offsets[n + 1])
        for n in range(days)
        if offsets[n] != offsets[n + 1]
    )


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second with the later offset."""
    old = offset_at(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if offset_at(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after
