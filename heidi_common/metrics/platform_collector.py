"""Gauges of the whole platform, read when Prometheus scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import psutil
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from heidi_common.config.service_registry import load_all_models
from heidi_common.database.session import db
from heidi_common.metrics import clock_state, delivery_speed, heartbeat, platform_states, waiting_queues, worker_load
from heidi_common.metrics.platform_states import State
from heidi_common.metrics.problem_gauges import read_problem_gauges
from heidi_common.metrics.waiting_work import read_waiting_work

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


class PlatformCollector(Collector):
    """Memory and CPU time of this service, database connections, and waiting events."""

    def collect(self) -> Iterable[Metric]:
        processes = _family(psutil.Process())
        yield _gauge(
            "service_memory_bytes", "Resident memory of all processes", sum(p.memory_info().rss for p in processes)
        )
        yield _gauge("service_cpu_seconds", "CPU time of all processes", sum(sum(p.cpu_times()[:2]) for p in processes))
        try:
            yield from self._database()
            yield _gauge("database_up", "1 if PostgreSQL is available, otherwise 0", 1)
        except Exception:  # the scrape reports the outage instead of failing
            yield _gauge("database_up", "1 if PostgreSQL is available, otherwise 0", 0)

    def _database(self) -> Iterable[Metric]:
        load_all_models()  # once: the kinds of work and the gauges are defined there
        with db.engine.connect() as connection:
            work = {item.kind: item for item in read_waiting_work(connection)}
            beats = heartbeat.read_ages(connection)
            clocks = clock_state.read(connection)
            connections = connection.execute(text(CONNECTIONS)).scalar_one()
            states = platform_states.read(connection)
            loads = worker_load.read_loads(connection)
            queues = waiting_queues.read_oldest_due(connection)
            problems = list(read_problem_gauges(connection))
        speed = delivery_speed.read_recent()
        dead, outbox = work.pop("dead"), work["outbox"]
        yield _gauge("outbox_oldest_unsent_seconds", "Age of the oldest event not yet sent", outbox.oldest_seconds)
        yield _gauge("outbox_unsent", "Events that are not yet sent", outbox.number)
        yield _gauge("inbox_pending", "Events that a subscriber has yet to handle", work["inbox"].number)
        yield _gauge("inbox_dead", "Events whose handler failed permanently (dead letters)", dead.number)
        number = {item.kind: item.number for item in work.values()}
        yield _gauges("work_pending", "Rows that wait for a worker, at most 100,000", "kind", number)
        oldest = {item.kind: item.oldest_seconds for item in work.values()}
        yield _gauges("work_oldest_due_seconds", "How long the oldest due row has been due", "kind", oldest)
        later = {item.kind: item.number_later for item in work.values()}
        yield _gauges("work_scheduled", "Those of the rows that are due in more than three hours", "kind", later)
        about = "Messages sent in the five minutes until a minute ago, in time (58 s after they were due) or late"
        yield _gauges("messages_sent_recently", about, "speed", speed)
        about = "How long the oldest job of the queue has waited for a thread"
        yield from _if_any("queue_oldest_due_seconds", about, "queue", queues)
        yield from worker_load.gauges(loads)
        yield from problems
        yield from _states(states)
        yield from _if_any("heartbeat_age_seconds", "Time since the last heartbeat of any process", "role", beats)
        if clocks:
            yield from _clocks(clocks)
        yield _gauge("database_connections", "Open connections to the database", connections)


def _clocks(reports: Mapping[str, clock_state.ClockReport]) -> Iterable[Metric]:
    offsets = {host: report.offset_seconds for host, report in reports.items()}
    yield _gauges("clock_offset_seconds", "How far the database's clock is ahead of the machine's", "host", offsets)
    held = {host: float(report.is_held) for host, report in reports.items()}
    yield _gauges("dispatching_held", "1 while the time is in doubt, so that no schedule is dispatched", "host", held)


def _states(states: Mapping[str, Sequence[State]]) -> Iterable[Metric]:
    def by_subject(name: str) -> Mapping[str, State]:
        return {state.subject: state for state in states.get(name, ())}

    backups = {subject: state.age for subject, state in by_subject(platform_states.BACKUP).items()}
    about = "Time since a backup was last created, verified by restoring it, or failed"
    yield from _if_any("backup_age_seconds", about, "event", backups)
    rejections = {name: state.age for name, state in by_subject(platform_states.PROVIDER_REJECTION).items()}
    about = "Time since a provider last rejected the configured credentials"
    yield from _if_any("provider_rejection_age_seconds", about, "provider", rejections)
    certificates = by_subject(platform_states.CERTIFICATE)
    remaining = {host: state.value - time.time() for host, state in certificates.items()}
    yield from _if_any("certificate_remaining_seconds", "Time until the certificate expires", "host", remaining)
    failed = max((state.value for state in by_subject(platform_states.MIGRATION).values()), default=0.0)
    yield _gauge("migration_failed", "1 if the last migration failed, otherwise 0", failed)


def _family(process: psutil.Process) -> list[psutil.Process]:
    """All processes of the service if gunicorn started this one, otherwise this one."""
    parent = process.parent()
    if parent is not None and "gunicorn" in " ".join(parent.cmdline()):
        return [parent, *parent.children(recursive=True)]
    return [process]


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"heidi_{name}", about, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _if_any(name: str, about: str, label: str, values: Mapping[str, float]) -> Iterable[Metric]:
    if values:
        yield _gauges(name, about, label, values)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"heidi_{name}", about, value=value)
