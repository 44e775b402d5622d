"""One, two, four and eight worker processes on RabbitMQ: messages per second of CPU time."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measurements import CpuPerJob, Figure, Goal, skipped
from benchmarks.platform_under_test import PRODUCTION, Platform, wait_until
from benchmarks.process_times import WORKER, CpuMeter
from benchmarks.scenarios.in_app import MESSAGE, PER_POST, post, wait_until_delivered
from benchmarks.scenarios.pending import wait_until_idle
from benchmarks.user_fixtures import ids
from tests.rabbitmq_server import RabbitNode

PROCESSES, MESSAGES, WARM_UP = (1, 2, 4, 8), 5000, 100
WORK = "in-app, bulk, on RabbitMQ"
START_SECONDS = 60


def scaling(bench: Bench) -> list[Figure]:
    """Deliver the same bulk messages with more and more worker processes on the same cores."""
    if not RabbitNode.available():
        return [skipped(WORK, "rabbitmq-server is not installed (Debian: apt-get install rabbitmq-server)")]
    bench.ensure_production()
    with tempfile.TemporaryDirectory(prefix="heidi-bench-rabbitmq-") as folder:
        node = RabbitNode(Path(folder))
        node.start()
        try:
            return _with_rabbitmq(bench, node)
        finally:
            bench.platform.external.clear()
            bench.ensure_production()
            node.stop()


def _with_rabbitmq(bench: Bench, node: RabbitNode) -> list[Figure]:
    platform = bench.platform
    platform.stop()
    platform.start(PRODUCTION | {"BROKER_URL": node.url})
    platform.external["rabbitmq"] = node.pid
    wait_until_idle(platform)
    platform.pause("worker")
    figures = [_figure(bench, count) for count in PROCESSES]
    alone = figures[0].value
    goal = Goal("80 % of one process", 0.8 * alone, is_relative=True)
    return [figures[0], *(replace(figure, goals=[goal]) for figure in figures[1:])]


def _figure(bench: Bench, count: int) -> Figure:
    platform = bench.platform
    _start_workers(platform, count)
    body: dict[str, Any] = MESSAGE | {"userIds": ids(bench, PER_POST)}
    headers = platform.admin_headers()
    post(platform, headers, "/bulk", body | {"userIds": body["userIds"][:WARM_UP]})
    wait_until_idle(platform)
    meter, started_at = CpuMeter(platform), time.time()
    for _ in range(max(bench.scaled(MESSAGES) // PER_POST, 1)):
        post(platform, headers, "/bulk", body)
    number, seconds = wait_until_delivered(platform, started_at)
    cpu = meter.per_job(number)
    platform.end(_name(count))
    note = f"{number / seconds:,.0f}/s delivered; the worker processes alone: {_per_second(cpu, WORKER):,.0f}"
    work = f"{WORK}: {count} worker process{'es' if count > 1 else ''}"
    return Figure(work, 1000 / cpu.total, "per CPU second", note=note, cpu=cpu)


def _per_second(cpu: CpuPerJob, role: str) -> float:
    return 1000 / cpu.roles[role] if cpu.roles[role] else 0.0


def _start_workers(platform: Platform, count: int) -> None:
    """Start one Dramatiq with `count` processes, and wait until all of them take messages."""
    options = ["--processes", str(count), "--threads", "8", "--worker-shutdown-timeout", "15000"]
    platform.spawn(_name(count), [sys.executable, "-m", "workers.main", *options])
    log = platform.home / f"{_name(count)}.log"
    if not wait_until(lambda: log.read_text().count("ready for action") >= count, START_SECONDS):
        raise RuntimeError(f"The workers did not start:\n{log.read_text()[-2000:]}")


def _name(count: int) -> str:
    return f"worker-{count}"
