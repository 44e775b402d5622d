"""CPU time of the platform's processes by role, sampled before and after a load.

The time of a process includes that of its children that have ended, so that connections of PostgreSQL which were closed
during a load count too.
"""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from benchmarks.measurements import CpuPerJob
from benchmarks.platform_under_test import Platform
from heidi_common.config.service_registry import SERVICES

WEB, WORKER, POSTGRES, RELAY, CLOCK, BROKER, SINK, REST = (
    "web",
    "worker",
    "PostgreSQL",
    "relay",
    "clock",
    "broker",
    "sink",
    "rest",
)
PEER = "peer"
ROLES = (WEB, WORKER, POSTGRES, RELAY, CLOCK, BROKER, REST, SINK, PEER)
GENERATOR = "load generator"
PROGRAMS = dict.fromkeys(SERVICES, WEB) | {"postgres": POSTGRES, "valkey": BROKER, "rabbitmq": BROKER}


class CpuMeter:
    """Measures CPU time from its creation on."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.start = sample(platform)

    def seconds(self) -> dict[str, float]:
        """Return the seconds that each role has used since the start."""
        return {role: used - self.start.get(role, 0.0) for role, used in sample(self.platform).items()}

    def per_job(self, jobs: int, *, allowed: float | None = None) -> CpuPerJob:
        """Return the time of each of `jobs` jobs that were done since the start."""
        seconds = self.seconds()
        generator = seconds.pop(GENERATOR)
        count = max(jobs, 1)
        return CpuPerJob(
            {role: seconds[role] * 1000 / count for role in ROLES if role in seconds}, generator * 1000 / count, allowed
        )

    def of_peer(self, milliseconds: float, jobs: int) -> CpuPerJob:
        """Return the time of a peer's job: of its own processes, and of the platform's servers that it uses."""
        seconds = self.seconds()
        servers = {role: seconds[role] * 1000 / max(jobs, 1) for role in (POSTGRES, BROKER, SINK) if role in seconds}
        return CpuPerJob(servers | {PEER: milliseconds}, 0.0)


def sample(platform: Platform) -> dict[str, float]:
    """Return the CPU seconds of each role since its processes started."""
    assert platform.process is not None
    seconds = dict.fromkeys((WEB, WORKER, POSTGRES, RELAY, CLOCK, BROKER, REST), 0.0)
    processes = platform.programs() | platform.external
    processes |= {name: child.pid for name, child in platform.children.items()}
    for name, pid in processes.items():
        role = _role(name)
        seconds[role] = seconds.get(role, 0.0) + _used(_tree(pid))
    launcher = _tree(platform.process.pid, recursive=False)
    seconds[REST] += _used(launcher, ended_children=False)
    seconds[GENERATOR] = _used([psutil.Process()])
    return seconds


def _role(name: str) -> str:
    """Return the role of a program, or of a process like "worker-2" that a scenario started."""
    base = name.partition("-")[0]
    return PROGRAMS.get(base, base if base in ROLES else REST)


def _tree(pid: int, *, recursive: bool = True) -> list[psutil.Process]:
    """Return a process and its descendants, or without `recursive` only its own children."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=recursive)]
    except psutil.NoSuchProcess:
        return []


def _used(processes: Iterable[psutil.Process], *, ended_children: bool = True) -> float:
    return sum(_times(process, 4 if ended_children else 2) for process in processes)


def _times(process: psutil.Process, parts: int) -> float:
    """Return the seconds in user and system mode, with `parts` 4 also of children that have ended."""
    try:
        return float(sum(process.cpu_times()[:parts]))
    except psutil.NoSuchProcess:
        return 0.0
