"""Start-up time and memory of `make run`, with its default settings."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most

IDLE_SECONDS = 10


def start(bench: Bench) -> list[Figure]:
    """Measure a second start: everything is installed, and the database has been set up."""
    if bench.platform.settings or bench.platform.process is None:
        _restart_with_defaults(bench)
    bench.platform.stop()
    seconds = bench.platform.start()
    return [Figure("start of `make run`, already installed", seconds, "s", [at_most(15, "s")])]


def memory(bench: Bench) -> list[Figure]:
    """Measure the proportional set size of all processes, in which shared memory counts once."""
    if bench.platform.settings or bench.platform.process is None:
        _restart_with_defaults(bench)
    time.sleep(IDLE_SECONDS)
    assert bench.platform.process is not None
    root = psutil.Process(bench.platform.process.pid)
    processes = [root, *root.children(recursive=True)]
    total = sum(map(_pss, processes))
    note = f"{len(processes)} processes, {IDLE_SECONDS} s after the start"
    return [Figure("memory of all processes, idle (PSS)", total, "MB", [at_most(900, "MB")], note=note)]


def _restart_with_defaults(bench: Bench) -> None:
    bench.platform.stop()
    bench.platform.start()


def _pss(process: psutil.Process) -> float:
    """Return the proportional set size in MB; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
