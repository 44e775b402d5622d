"""gunicorn's threaded worker, with a shutdown that does not wait for idle connections, and less memory when idle."""

from __future__ import annotations

import select
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from heidi_common.server import memory, shutdown

NOTIFY_SECONDS = 1.0
"""How often the worker reports to the master process that it is alive; it waits for `timeout`."""


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that stops as soon as its requests are finished: it ends event streams and closes idle connections.

    gunicorn's own worker waits for idle connections until `keepalive` or GRACEFUL_TIMEOUT has passed. The router always
    keeps some open, so each stop would take that long.
    """

    sockets: list[Any]
    nr: int
    _notified_at = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trimmer = memory.IdleTrimmer()

    def init_process(self) -> None:
        memory.use_one_arena()
        super().init_process()

    def notify(self) -> None:
        """Called several times for each request; reporting each time would cost a system call each."""
        now = time.monotonic()
        if now - self._notified_at >= NOTIFY_SECONDS or not self.alive:
            self._notified_at = now
            super().notify()
            self._trimmer.check(self.nr, now)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive or not self.is_parent_alive():
            shutdown.requested.set()
            self._close_listeners()
            self._close_idle()

    def _close_listeners(self) -> None:
        """Accept the waiting connections, then close the sockets immediately: the kernel assigns new connections to
        every socket that listens, and those of this worker would be lost."""
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets = []

    def _close_idle(self) -> None:
        # A request that has already arrived is dispatched; its connection is not idle.
        self.wait_for_and_dispatch_events(timeout=0)
        for idle in (*self.keepalived_conns, *self.pending_conns):
            idle.timeout = 0.0
        self.murder_keepalived()
        self.murder_pending()
