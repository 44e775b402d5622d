"""Ten thousand schedules that are due in the same second, with three clocks."""

from __future__ import annotations

import sys
import time

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.platform_under_test import Platform, wait_until

SCHEDULES = 10_000
TIMEOUT_SECONDS = 180
NAME = "bench"

INSERT = """
INSERT INTO schedules (id, name, cron_expression, timezone, action, payload, misfire_policy, misfire_window_seconds,
                       overlap_policy, max_attempts, timeout_seconds, jitter_seconds, created_by)
SELECT gen_random_uuid(), %s, '0 0 1 1 *', 'Europe/Zurich', 'event.emit', '{"type": "custom.bench"}', 'LATEST', 3600,
       'SKIP', 3, 60, 0, gen_random_uuid()
FROM generate_series(1, %s)
"""
NEXT = """
UPDATE schedules SET next_run = date_trunc('second', clock_timestamp()) + interval '4 s' WHERE name = %s
RETURNING next_run
"""
RUNS = """
SELECT count(*), count(DISTINCT schedule_id)
FROM schedule_runs JOIN schedules ON schedules.id = schedule_id WHERE schedules.name = %s
"""
SUCCEEDED = f"{RUNS} AND schedule_runs.status = 'SUCCEEDED'"
EXECUTE = "SELECT count(*) FROM outbox WHERE type = 'schedule.execute' AND created_at >= %s"


def schedules(bench: Bench) -> list[Figure]:
    """Measure the time until all runs are created, with `schedule.execute` emitted, and until all are executed."""
    bench.ensure_production()
    platform, number = bench.platform, bench.scaled(SCHEDULES)
    _start_clocks(platform, "clock-two", "clock-three")
    platform.query(INSERT, NAME, number)
    due = platform.scalar(NEXT, NAME)
    due_at = time.monotonic() + (due - platform.scalar("SELECT clock_timestamp()")).total_seconds()
    all_created = wait_until(lambda: platform.query(RUNS, NAME)[0][0] >= number, TIMEOUT_SECONDS, every=0.05)
    created_seconds = time.monotonic() - due_at if all_created else 0.0
    wait_until(lambda: platform.query(SUCCEEDED, NAME)[0][0] >= number, TIMEOUT_SECONDS, every=0.2)
    executed_seconds = time.monotonic() - due_at
    return [
        _created(platform, number, created_seconds, platform.scalar(EXECUTE, due)),
        _executed(platform, number, executed_seconds),
    ]


def _start_clocks(platform: Platform, *names: str) -> None:
    for name in names:
        platform.spawn(name, [sys.executable, "-m", "workers.clock"])
    wait_until(lambda: all("started" in (platform.home / f"{name}.log").read_text() for name in names), 30)


def _created(platform: Platform, number: int, seconds: float, events: int) -> Figure:
    """The figure is 0 if a schedule did not run, or ran more than once."""
    runs, distinct = platform.query(RUNS, NAME)[0]
    once = runs == distinct == events == number
    times = "each once" if once else "NOT each once"
    note = f"{runs:,} runs of {distinct:,} schedules, {events:,} events: {times}"
    return Figure(f"{_work(number)}: all runs created", seconds if once else 0.0, "s", [at_most(15, "s")], note=note)


def _executed(platform: Platform, number: int, seconds: float) -> Figure:
    note = f"{platform.query(SUCCEEDED, NAME)[0][0]:,} succeeded, by one worker with 8 threads"
    return Figure(f"{_work(number)}: all executed", seconds, "s", note=note)


def _work(number: int) -> str:
    return f"{number:,} schedules due in one second, three clocks"
