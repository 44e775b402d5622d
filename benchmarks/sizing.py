"""The sizing table (sizing.md), derived from the CPU time of one in-app message and its size in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from benchmarks.measurements import CpuPerJob, Line
from benchmarks.process_times import BROKER, CLOCK, POSTGRES, RELAY, REST, WEB, WORKER
from benchmarks.scenarios.in_app import SIZE_WORK
from benchmarks.tables import Column, markdown

RATES = (10, 50, 100, 250, 500, 1000, 2000)
"""Notifications per second, sustained."""
UTILIZATION = 0.7
POOL = 10
"""DATABASE_POOL_SIZE: connections that each process keeps."""
RETENTION_DAYS = 30
SECONDS_PER_DAY = 86_400
HEAD = """# Sizing

Written by `make bench`; do not edit. How much a rate of notifications needs, calculated from the CPU time and the size
of one message in the same run ([README.md](README.md)):

- Processes: rate x milliseconds of CPU time per message in their role / 1,000 / {utilization}. Each process uses one
  core at most, and {share} of it leaves room for peaks. Web processes are those of the notification service.
- Cores: the CPU time of all roles / {utilization}. The relay is one process: above its limit, more cores do not help.
- Database connections: `DATABASE_POOL_SIZE` ({pool}) for each web and worker process, and for relay and clock.
- PostgreSQL: rate x {day:,} s x {days} days x the bytes per message. `NOTIFICATION_RETENTION_DAYS` and
  `EVENT_RETENTION_DAYS` are proportional to it; their defaults are 365 and 30.

An average of 12 notifications per second is a million per day. Calculate with the rate of the busiest hour for
processes, and with the daily average for the disk.
"""
PLACEHOLDER = "\nThe next complete run of `make bench` writes the tables.\n"


def document(lines: Sequence[Line]) -> str:
    """Return the text of sizing.md. Without the measurements that it needs, it says so."""
    text = HEAD.format(utilization=UTILIZATION, share="70 %", pool=POOL, day=SECONDS_PER_DAY, days=RETENTION_DAYS)
    parts = [text]
    for title, work in (("Single POSTs", "in-app, single POSTs"), ("Bulk POSTs", "in-app, bulk POSTs")):
        cpu = next((line.figure.cpu for line in lines if line.figure.cpu and line.figure.work.startswith(work)), None)
        size = next((line.figure.value for line in lines if line.figure.work == SIZE_WORK), None)
        if cpu is not None and size is not None:
            parts.append(f"\n## {title}\n\n{basis(cpu, size)}\n\n{table(cpu, size)}\n")
    return "".join(parts if len(parts) > 1 else [text, PLACEHOLDER])


def basis(cpu: CpuPerJob, size: float) -> str:
    """Say what the table was calculated from."""
    roles = ", ".join(f"{role} {cpu.roles[role]:.2f}" for role in (WEB, WORKER, POSTGRES, RELAY, CLOCK, BROKER))
    return f"Milliseconds per message: {roles}. PostgreSQL: {size:,.0f} bytes per message."


def table(cpu: CpuPerJob, size: float) -> str:
    """Format the table of all rates."""
    workers = [_processes(cpu, WORKER, rate) for rate in RATES]
    web = [_processes(cpu, WEB, rate) for rate in RATES]
    total = cpu.total - cpu.roles.get(REST, 0.0)
    gigabytes = [size * rate * SECONDS_PER_DAY * RETENTION_DAYS / 1e9 for rate in RATES]
    columns: list[Column] = [
        ("notifications per second", "--:", [f"{rate:,}" for rate in RATES]),
        ("web processes", "--:", [str(count) for count in web]),
        ("worker processes", "--:", [str(count) for count in workers]),
        ("relay, share of a core", "--:", [f"{rate * cpu.roles[RELAY] / 10:.0f} %" for rate in RATES]),
        ("PostgreSQL, cores", "--:", [f"{_cores(cpu.roles[POSTGRES], rate):.1f}" for rate in RATES]),
        ("all, cores", "--:", [f"{_cores(total, rate):.1f}" for rate in RATES]),
        ("database connections", "--:", [str((a + b + 2) * POOL) for a, b in zip(web, workers, strict=True)]),
        (f"PostgreSQL after {RETENTION_DAYS} days", "--:", [f"{size:,.0f} GB" for size in gigabytes]),
    ]
    return markdown(columns)


def _cores(milliseconds: float, rate: int) -> float:
    return rate * milliseconds / 1000 / UTILIZATION


def _processes(cpu: CpuPerJob, role: str, rate: int) -> int:
    return max(1, ceil(_cores(cpu.roles[role], rate)))
