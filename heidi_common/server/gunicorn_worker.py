"""gunicorn's threaded worker, with a shutdown that does not wait for idle connections, and less memory when idle."""

from __future__ import annotations

import select
import time
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from heidi_common.server import memory, shutdown

NOTIFY_SECONDS = 1.0
"""How often the worker reports to the master process that it is alive; it waits for `timeout`."""

SocketUnreader.max_body_chunk = 64 * 1024
"""How much of a body is received by one call. gunicorn receives 1 MiB, and copies the rest of it for each part that the
app reads: bodies that are read in parts of 64 KiB then cost fourteen times as much CPU time."""


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that stops in two steps, without losing a request and without waiting for idle connections.

    For DRAIN_SECONDS after SIGTERM it goes on, but its readiness is off and each response closes its connection. Load
    balancers choose another instance, and the server closes no connection while a request is on its way. Then it closes
    its sockets, ends event streams, and stops as soon as its requests are finished.
    """

    drain_seconds = 0

    sockets: list[Any]
    max_keepalived: int
    alive: bool
    nr: int
    _notified_at = 0.0
    _drained_at: float | None = None

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
            if self._drained_at is not None and now >= self._drained_at:
                self.alive = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Handle SIGTERM. It is called between two instructions of any code: it only sets values."""
        if not self.drain_seconds or not self.alive:
            super().handle_exit(sig, frame)
        elif self._drained_at is None:
            self._drained_at = time.monotonic() + self.drain_seconds
            self.max_keepalived = -1  # no connection is kept after its response
            shutdown.announced.set()

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive or not self.is_parent_alive():
            shutdown.requested.set()
            self._close_listeners()
            if not self.drain_seconds:
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
