"""How busy the workers are, as their heartbeats report it, for `/metrics`, `/readyz` and core's status."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, func, select

from heidi_common.metrics.heartbeat import Heartbeat
from heidi_common.server.heartbeat_files import STALE_SECONDS

SATURATED_SECONDS = 10.0
"""A worker whose threads have all been busy for this long delays what comes next."""


class WorkerLoad(NamedTuple):
    """The state of one worker process.

    Attributes:
        threads: How many threads it has.
        busy: Queue -> how many of them process a message of this queue. Every queue that it consumes is there.
        saturated_seconds: For how long no thread has been free; 0 if one is.
    """

    threads: int
    busy: Mapping[str, int]
    saturated_seconds: float


class ReportedLoad(NamedTuple):
    """What a worker process has reported with its last heartbeat."""

    host: str
    process_id: int
    age_seconds: float
    load: WorkerLoad

    @property
    def is_running(self) -> bool:
        return self.age_seconds <= STALE_SECONDS


def read_loads(connection: Connection) -> list[ReportedLoad]:
    """Read the state of the workers whose heartbeats are stored, those that have ended included."""
    age = func.extract("epoch", func.now() - Heartbeat.beat_at).label("age")
    columns = (Heartbeat.host, Heartbeat.process_id, Heartbeat.threads, Heartbeat.busy, Heartbeat.saturated_seconds)
    rows = connection.execute(select(*columns, age).where(Heartbeat.role == "worker", Heartbeat.threads.is_not(None)))
    return [
        ReportedLoad(
            row.host, row.process_id, float(row.age), WorkerLoad(row.threads, row.busy, row.saturated_seconds or 0.0)
        )
        for row in rows
    ]


def summarize(reports: Sequence[ReportedLoad]) -> dict[str, Any] | None:
    """The workers as a component of the platform.

    Returns:
        `status` is `down` if none is running, `degraded` if all threads of one have been busy for SATURATED_SECONDS
        (`detail` says which), and `up` otherwise; None if none has reported within a day.
    """
    running = [report for report in reports if report.is_running]
    if not reports:
        return None
    saturated = [report for report in running if report.load.saturated_seconds >= SATURATED_SECONDS]
    status = "down" if not running else "degraded" if saturated else "up"
    summary: dict[str, Any] = {
        "status": status,
        "threads": sum(report.load.threads for report in running),
        "busy": dict(_busy(running)),
    }
    return summary | ({"detail": " ".join(map(_describe, saturated))} if saturated else {})


def _describe(report: ReportedLoad) -> str:
    load = report.load
    queues = ", ".join(f"{queue} {number}" for queue, number in sorted(load.busy.items()) if number)
    return (
        f"All {load.threads} threads of worker {report.process_id} on {report.host} have been busy for "
        f"{load.saturated_seconds:.0f} s ({queues})."
    )


def _busy(reports: Iterable[ReportedLoad]) -> Counter[str]:
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.load.busy)
    return total


def gauges(reports: Sequence[ReportedLoad]) -> Iterable[Metric]:
    """The gauges of the workers that are running, by host."""
    by_host: dict[str, list[ReportedLoad]] = defaultdict(list)
    for report in reports:
        if report.is_running:
            by_host[report.host].append(report)
    if not by_host:
        return
    threads = GaugeMetricFamily("heidi_worker_threads", "Threads of all workers", labels=["host"])
    about = "Threads that process a message of the queue"
    busy = GaugeMetricFamily("heidi_worker_threads_busy", about, labels=["host", "queue"])
    about = "For how long no thread of a worker has been free; 0 if each worker has one"
    saturated = GaugeMetricFamily("heidi_worker_saturated_seconds", about, labels=["host"])
    for host, of_host in sorted(by_host.items()):
        threads.add_metric([host], sum(report.load.threads for report in of_host))
        saturated.add_metric([host], max(report.load.saturated_seconds for report in of_host))
        for queue, number in sorted(_busy(of_host).items()):
            busy.add_metric([host, queue], number)
    yield from (threads, busy, saturated)
