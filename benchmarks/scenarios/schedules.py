"""Ten thousand schedules due in the same second, and three clocks."""

from __future__ import annotations

import sys
import time

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.platform_under_test import wait_until

SCHEDULES = 10_000
PATIENCE = 180
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
EXECUTE = "SELECT count(*) FROM outbox WHERE type = 'schedule.execute' AND created_at >= %s"


def schedules(bench: Bench) -> list[Figure]:
    """Fired: the run is there and `schedule.execute` said. Carried out: its action has been done by the worker."""
    bench.produce()
    stage, number = bench.stage, bench.many(SCHEDULES)
    for name in ("clock-two", "clock-three"):
        stage.spawn(name, [sys.executable, "-m", "workers.clock"])
    wait_until(
        lambda: all("started" in (stage.home / f"{n}.log").read_text() for n in ("clock-two", "clock-three")), 30
    )
    stage.query(INSERT, NAME, number)
    due = stage.one(NEXT, NAME)
    begun = time.monotonic() + (due - stage.one("SELECT clock_timestamp()")).total_seconds()
    fired = wait_until(lambda: stage.query(RUNS, NAME)[0][0] >= number, PATIENCE, every=0.05)
    seconds = time.monotonic() - begun
    done = f"{RUNS} AND schedule_runs.status = 'SUCCEEDED'"
    wait_until(lambda: stage.query(done, NAME)[0][0] >= number, PATIENCE, every=0.2)
    whole = time.monotonic() - begun
    runs, distinct = stage.query(RUNS, NAME)[0]
    succeeded, facts = stage.query(done, NAME)[0][0], stage.one(EXECUTE, due)
    once = runs == distinct == facts == number
    note = f"{runs:,} runs of {distinct:,} schedules, {facts:,} facts: {'each once' if once else 'NOT each once'}"
    work = f"{number:,} schedules due in one second, three clocks"
    return [
        Figure(f"{work}: all fired", seconds if fired and once else 0.0, "s", [at_most(15, "s")], note=note),
        Figure(f"{work}: all carried out", whole, "s", note=f"{succeeded:,} succeeded, by one worker with 8 threads"),
    ]
