"""gunicorn's threaded worker, with a shutdown that does not wait for idle connections."""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from heidi_common.server import shutdown


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """When it is to stop, it finishes its requests, ends event streams and closes idle connections.

    gunicorn's own worker waits for idle connections until `keepalive` or GRACEFUL_TIMEOUT has passed. The router always
    keeps some open, so each stop would take that long.
    """

    sockets: list[Any]

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
