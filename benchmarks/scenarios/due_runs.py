"""Two thousand schedules that are due in the same second, beside schedulers whose jobs do the same insert."""

from __future__ import annotations

import time

from benchmarks import peer_runs
from benchmarks.bench import Bench
from benchmarks.measurements import HEIDI, Figure, at_most, times_peer
from benchmarks.platform_under_test import Platform, wait_until
from benchmarks.process_times import CpuMeter
from benchmarks.scenarios.pending import wait_until_idle
from benchmarks.scenarios.schedules import INSERT, NEXT, SUCCEEDED, TIMEOUT_SECONDS

SCHEDULES, NAME = 2000, "bench-2000"
ALLOWED = 5.0
"""Milliseconds of CPU time per run that the goal of 5 s leaves on two cores."""
PEERS = {"APScheduler": "apscheduler_jobs.py", "Celery beat": "celery_beat.py"}


def due_runs(bench: Bench) -> list[Figure]:
    """Measure the time until all runs have succeeded; the peers run before, so that the goal can refer to them."""
    bench.ensure_production()
    number = bench.scaled(SCHEDULES)
    wait_until_idle(bench.platform)
    contest = f"seconds until {number:,} jobs due in one second are done (less is better)"
    peers = [_peer(bench, name, number, contest) for name in PEERS]
    return [_heidi(bench, number, contest, peers[0]), *peers]


def _heidi(bench: Bench, number: int, contest: str, rival: Figure) -> Figure:
    platform = bench.platform
    platform.query(INSERT, NAME, number)
    meter, due_at = CpuMeter(platform), _make_due(platform)
    wait_until(lambda: _succeeded(platform) >= number, TIMEOUT_SECONDS, every=0.05)
    seconds, succeeded = time.monotonic() - due_at, _succeeded(platform)
    goals = [at_most(5, "s"), *times_peer(1, rival, lower=True)]
    note = f"{succeeded:,} succeeded; one clock, one worker with 8 threads"
    work = f"{number:,} schedules due in one second: all succeeded"
    cpu = meter.per_job(succeeded, allowed=ALLOWED)
    value = seconds if succeeded == number else 0.0
    return Figure(work, value, "s", goals, note=note, cpu=cpu, contest=contest, contender=HEIDI)


def _peer(bench: Bench, name: str, number: int, contest: str) -> Figure:
    peer = peer_runs.run(bench, name, PEERS[name], number)
    seconds = number / peer.completed if peer.completed else 0.0
    return peer.figure(f"{number:,} jobs due in one second: all done", contest, seconds, "s", cpu=peer.cpu)


def _make_due(platform: Platform) -> float:
    """Make the schedules due in a few seconds; returns that time, as `time.monotonic()` counts."""
    due = platform.scalar(NEXT, NAME)
    return time.monotonic() + float((due - platform.scalar("SELECT clock_timestamp()")).total_seconds())


def _succeeded(platform: Platform) -> int:
    return int(platform.query(SUCCEEDED, NAME)[0][0])
