"""How many connections the processes of the platform can open, computed from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from heidi_common.config.sections.processes import WebProcess
from heidi_common.config.service_registry import SERVICES
from heidi_common.config.settings import Settings

WORKER_PROCESSES, WORKER_THREADS = 2, 8
"""Of Dramatiq in each instance of the worker, as the deployments start it."""
LISTENING = ("core", "notification")
"""The services whose processes have a connection that listens for notifications."""
REALTIME_THREADS, REALTIME_LISTENERS = 8, 2
"""Of each process that serves WebSockets: it listens for in-app messages and for the event log."""
CLOCK_CONNECTIONS = 4


class Share(NamedTuple):
    """What one kind of process can open.

    Attributes:
        process: The name of the service or process.
        pooled: Connections of the pools of all its instances.
        direct: Connections that bypass PgBouncer.
    """

    process: str
    pooled: int
    direct: int


def shares(settings: Settings, web: WebProcess) -> Iterator[Share]:
    """Yield the share of each kind of process. A pool opens no more connections than its process has threads."""
    pool = settings.database_pool_size + settings.database_max_overflow
    instances = settings.max_instances
    for name in SERVICES:
        processes = instances * web.workers
        yield Share(name, processes * min(pool, web.threads_of(name)), processes * (name in LISTENING))
    yield Share("worker", instances * WORKER_PROCESSES * min(pool, WORKER_THREADS), 0)
    yield Share("realtime", instances * min(pool, REALTIME_THREADS), instances * REALTIME_LISTENERS)
    yield Share("relay", min(pool, 2), 1)
    yield Share("clock", min(pool, CLOCK_CONNECTIONS), 0)


def total(settings: Settings, web: WebProcess) -> Share:
    """The sum of all shares."""
    everything = list(shares(settings, web))
    return Share("all", sum(item.pooled for item in everything), sum(item.direct for item in everything))
