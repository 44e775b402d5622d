"""Gauges of the whole platform, read when Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from heidi_common.database.session import db

UNSENT_EVENTS = """
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0), count(*) FROM outbox WHERE sent_at IS NULL
"""
INBOX_EVENTS = """
SELECT 'pending' AS status, count(*) AS number FROM inbox WHERE status = 'pending'
UNION ALL SELECT 'dead', count(*) FROM inbox WHERE status = 'dead'
"""
"""Two counts, since `status IN (...)` would match neither of the partial indexes and read the whole table."""
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
        with db.engine.connect() as connection:
            oldest, unsent = connection.execute(text(UNSENT_EVENTS)).one()
            inbox = {row.status: row.number for row in connection.execute(text(INBOX_EVENTS))}
            connections = connection.execute(text(CONNECTIONS)).scalar_one()
        yield _gauge("outbox_oldest_unsent_seconds", "Age of the oldest event that is not yet sent", float(oldest))
        yield _gauge("outbox_unsent", "Events that are not yet sent", unsent)
        yield _gauge("inbox_pending", "Events that a subscriber has yet to handle", inbox.get("pending", 0))
        yield _gauge("inbox_dead", "Events whose handler failed permanently (dead letters)", inbox.get("dead", 0))
        yield _gauge("database_connections", "Open connections to the database", connections)


def _family(process: psutil.Process) -> list[psutil.Process]:
    """All processes of the service if gunicorn started this one, otherwise this one."""
    parent = process.parent()
    if parent is not None and "gunicorn" in " ".join(parent.cmdline()):
        return [parent, *parent.children(recursive=True)]
    return [process]


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"heidi_{name}", about, value=value)
