"""Events handled by one subscriber with one worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_least
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.process_times import CpuMeter
from benchmarks.scenarios.pending import UNSENT, wait_until_idle
from benchmarks.scenarios.relay import HANDLED, TIMEOUT_SECONDS, insert_events

EVENTS = 16_000
ALLOWED = 1.3
"""Milliseconds of CPU time per event that the goal leaves on two cores."""
MEASURED_SECONDS = 10.0


@dataclass(frozen=True)
class Progress:
    """How many events were handled at a time (`time.monotonic()`)."""

    handled: int
    at: float


def events(bench: Bench) -> list[Figure]:
    """Relay all events while the worker is stopped, then measure from the first twentieth handled on.

    That leaves out the start of the worker. The measurement ends after ten seconds or when all are handled.
    """
    bench.ensure_production()
    platform, number = bench.platform, bench.scaled(EVENTS)
    wait_until_idle(platform)
    since = platform.scalar("SELECT now()")
    platform.pause("worker")
    insert_events(bench, number)
    wait_until(lambda: not platform.scalar(UNSENT), TIMEOUT_SECONDS)
    platform.resume("worker")
    wait_until(lambda: platform.scalar(HANDLED, since) >= number // 20, TIMEOUT_SECONDS, every=0.05)
    meter, start = CpuMeter(platform), _progress(platform, since)
    wait_until(lambda: platform.scalar(HANDLED, since) >= number, MEASURED_SECONDS, every=0.2)
    end = _progress(platform, since)
    handled, seconds = end.handled - start.handled, end.at - start.at
    cpu = meter.per_job(handled, allowed=ALLOWED)
    platform.query("DELETE FROM inbox WHERE status = 'pending'")
    note = f"{handled:,} of {number:,} events in {seconds:.1f} s, one worker process with 8 threads"
    work = "events handled by one subscriber"
    return [Figure(work, handled / seconds, "/s", [at_least(1500, "/s")], note=note, cpu=cpu)]


def _progress(platform: Platform, since: object) -> Progress:
    handled = platform.scalar(HANDLED, since)
    return Progress(int(handled), time.monotonic())
