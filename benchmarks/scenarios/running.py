"""Starting, and being there: as `make run` does it, with standalone's own settings."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most

IDLE_SECONDS = 10


def start(bench: Bench) -> list[Figure]:
    """A second start: installed, the database made, the cities in it."""
    if bench.stage.settings or bench.stage.process is None:
        _plain(bench)
    bench.stage.stop()
    seconds = bench.stage.start()
    return [Figure("start of `make run`, installed already", seconds, "s", [at_most(15, "s")])]


def memory(bench: Bench) -> list[Figure]:
    """Proportional set size of the process tree: what is shared counts once."""
    if bench.stage.settings or bench.stage.process is None:
        _plain(bench)
    time.sleep(IDLE_SECONDS)
    assert bench.stage.process is not None
    root = psutil.Process(bench.stage.process.pid)
    family = [root, *root.children(recursive=True)]
    total = sum(map(_pss, family))
    note = f"{len(family)} processes, {IDLE_SECONDS} s after the start"
    return [Figure("memory, idle, everything together (PSS)", total, "MB", [at_most(900, "MB")], note=note)]


def _plain(bench: Bench) -> None:
    bench.stage.stop()
    bench.stage.start()


def _pss(process: psutil.Process) -> float:
    """In MB; 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
