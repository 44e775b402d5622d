"""Decide whether the time can be trusted. While it cannot, nothing is dispatched.

Two comparisons are made: the database's time with this machine's, and with the time that has elapsed since the last
comparison according to the kernel, which setting the clock does not change. A clock that stands a day ahead for some
seconds would otherwise fire, or record as missed, the slots of a whole day.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.transactions import reading
from heidi_common.metrics import clock_state
from heidi_common.runtime import per_app
from heidi_services.scheduler.service.recomputation import recompute_next_runs

log = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=5)
"""Clocks that are synchronized differ by much less."""

ACCEPT_SECONDS = 120.0
"""A clock that was set, and stays so for this long, is correct now: it was wrong before."""

UPTIME = Path("/proc/uptime")


def elapsed_seconds() -> float:
    """Seconds since the machine was started, including those in which it was suspended."""
    try:
        return float(UPTIME.read_text().split()[0])
    except OSError:  # not Linux
        return time.monotonic()


def database_time() -> datetime:
    """The database's time, not that of the start of a transaction."""
    with reading() as connection:
        now: datetime = connection.scalars(select(func.clock_timestamp())).one()
    return now


@dataclass(frozen=True)
class Comparison:
    """The two clocks, read at almost the same time.

    Attributes:
        at: The database's time.
        offset: How far the database's clock is ahead of this machine's.
        elapsed: `elapsed_seconds` at that time.
        uncertainty: How long the comparison took.
    """

    at: datetime
    offset: timedelta
    elapsed: float
    uncertainty: timedelta


@dataclass
class ClockGuard:
    """Compares the clocks, and remembers when the time was last trusted.

    Attributes:
        database: Reads the database's time.
        machine: Reads this machine's time.
        elapsed: Reads the elapsed time, in seconds.
    """

    database: Callable[[], datetime] = database_time
    machine: Callable[[], datetime] = utcnow
    elapsed: Callable[[], float] = elapsed_seconds
    _trusted: Comparison | None = None
    _jumped_at: float | None = None
    _reason: str | None = None

    def reason_to_hold(self) -> str | None:
        """Compare the clocks. Returns why nothing may be dispatched now, or None."""
        return self._judge(self._compare())

    def _judge(self, current: Comparison) -> str | None:
        reason = self._doubt_offset(current) or self._doubt_jump(current)
        if reason is None:
            self._trusted = current
        if (reason is None) != (self._reason is None):
            self._report(reason, current)
        self._reason = reason
        return reason

    def store_state(self) -> None:
        """Compare the clocks, and store the result for metrics and for the next start."""
        current = self._compare()
        reason = self._judge(current)
        seen_at = min(current.at, self.machine())  # one of them is right if dispatching was held from the start
        offset = current.offset.total_seconds()
        clock_state.store(socket.gethostname(), seen_at=seen_at, offset_seconds=offset, held_reason=reason)

    def _compare(self) -> Comparison:
        elapsed, before = self.elapsed(), self.machine()
        at = self.database()
        uncertainty = timedelta(seconds=max(0.0, self.elapsed() - elapsed))
        return Comparison(at, at - before - uncertainty / 2, elapsed, uncertainty)

    def _doubt_offset(self, current: Comparison) -> str | None:
        if abs(current.offset) <= TOLERANCE + current.uncertainty:
            return None
        return f"the database's clock is {_seconds(current.offset)} of this machine's"

    def _doubt_jump(self, current: Comparison) -> str | None:
        jump = self._jump(current)
        if abs(jump) <= TOLERANCE + current.uncertainty:
            self._jumped_at = None
            return None
        if self._jumped_at is None:
            self._jumped_at = current.elapsed
        if current.elapsed - self._jumped_at < ACCEPT_SECONDS:
            return f"the clock is {_seconds(jump)} of the time that has elapsed"
        self._accept(jump, current)
        return None

    def _jump(self, current: Comparison) -> timedelta:
        """How far the clock is ahead of where it should be. Before the first comparison, only that it was set back is
        known: a time that is much later than the last one is the end of a downtime."""
        if self._trusted is None:
            latest = clock_state.latest_time()
            return min(timedelta(), current.at - latest) if latest else timedelta()
        return current.at - self._trusted.at - timedelta(seconds=current.elapsed - self._trusted.elapsed)

    def _accept(self, jump: timedelta, current: Comparison) -> None:
        self._jumped_at = None
        log.warning("the new time is accepted", extra={"jump_seconds": jump.total_seconds()})
        if jump < timedelta():
            clock_state.delete_later_than(current.at)
            recompute_next_runs()

    def _report(self, reason: str | None, current: Comparison) -> None:
        extra = {"database_time": current.at.isoformat(), "machine_time": self.machine().isoformat()}
        if reason is None:
            log.warning("dispatching of schedules continues", extra=extra)
        else:
            log.error("dispatching of schedules is paused: %s", reason, extra=extra)


def _seconds(difference: timedelta) -> str:
    return f"{abs(difference.total_seconds()):.0f} s {'ahead' if difference > timedelta() else 'behind'}"


@per_app
def clock_guard(_settings: Settings) -> ClockGuard:
    """The guard of this process."""
    return ClockGuard()


def store_state() -> None:
    """Compare the clocks and store the result (a periodic task)."""
    clock_guard().store_state()
