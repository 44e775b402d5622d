"""Start-up time and memory of `make run`, with its default settings."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from benchmarks.bench import Bench
from benchmarks.measurements import Figure, at_most
from benchmarks.platform_under_test import Platform

IDLE_SECONDS = 10


def start(bench: Bench) -> list[Figure]:
    """Measure a second start: everything is installed, and the database has been set up."""
    if bench.platform.settings or bench.platform.process is None:
        restart_with_defaults(bench)
    bench.platform.stop()
    seconds = bench.platform.start()
    return [Figure("start of `make run`, already installed", seconds, "s", [at_most(15, "s")])]


def memory(bench: Bench) -> list[Figure]:
    """Measure the proportional set size of all processes, in which shared memory counts once."""
    if bench.platform.settings or bench.platform.process is None:
        restart_with_defaults(bench)
    time.sleep(IDLE_SECONDS)
    sizes = proportional_set_sizes(bench.platform)
    note = f"{len(sizes)} processes, {IDLE_SECONDS} s after the start"
    return [Figure("memory of all processes, idle (PSS)", sum(sizes), "MB", [at_most(900, "MB")], note=note)]


def proportional_set_sizes(platform: Platform) -> list[float]:
    """Return the size of each process of the platform in MB."""
    assert platform.process is not None
    return process_sizes(platform.process.pid)


def set_sizes_by_program(platform: Platform) -> dict[str, float]:
    """Return the size of each program of the platform with its children in MB."""
    return {name: sum(process_sizes(pid)) for name, pid in platform.programs().items()}


def process_sizes(pid: int) -> list[float]:
    """Return the proportional set size of a process and of each of its children in MB."""
    return [_pss(process) for process in _tree(pid)]


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def restart_with_defaults(bench: Bench) -> None:
    bench.platform.stop()
    bench.platform.start()


def _pss(process: psutil.Process) -> float:
    """Return the proportional set size in MB; 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
