"""Gauges of the whole platform, read when Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text

from heidi_common.database.session import db

FACTS = """
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0), count(*) FROM outbox WHERE sent_at IS NULL
"""


INBOX = "SELECT status, count(*) AS number FROM inbox WHERE status IN ('pending', 'dead') GROUP BY status"


CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


class PlatformCollector(Collector):
    """What no library counts: this service's memory and CPU, the database's connections, the work that waits."""

    def collect(self) -> Iterable[Metric]:
        processes = _family(psutil.Process())
        yield _gauge(
            "service_memory_bytes", "Resident memory of all processes", sum(p.memory_info().rss for p in processes)
        )
        yield _gauge("service_cpu_seconds", "CPU time of all processes", sum(sum(p.cpu_times()[:2]) for p in processes))
        try:
            yield from self._database()
            yield _gauge("database_up", "1 when PostgreSQL answers", 1)
        except Exception:  # the scrape must say so, not fail
            yield _gauge("database_up", "1 when PostgreSQL answers", 0)

    def _database(self) -> Iterable[Metric]:
        with db.engine.connect() as connection:
            oldest, unsent = connection.execute(text(FACTS)).one()
            inbox = {row.status: row.number for row in connection.execute(text(INBOX))}
            connections = connection.execute(text(CONNECTIONS)).scalar_one()
        yield _gauge("outbox_oldest_unsent_seconds", "Age of the oldest fact not yet sent", float(oldest))
        yield _gauge("outbox_unsent", "Facts not yet sent", unsent)
        yield _gauge("inbox_pending", "Facts that a subscriber has still to take in", inbox.get("pending", 0))
        yield _gauge("inbox_dead", "Facts that a subscriber could not digest", inbox.get("dead", 0))
        yield _gauge("database_connections", "Open connections to the database", connections)


def _family(process: psutil.Process) -> list[psutil.Process]:
    parent = process.parent()
    if parent is not None and "gunicorn" in " ".join(parent.cmdline()):
        return [parent, *parent.children(recursive=True)]
    return [process]


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"heidi_{name}", about, value=value)
