"""gunicorn's threaded worker, with an end that does not wait for people who are not asking for anything."""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from heidi_common.server import shutdown


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """Asked to stop, it finishes the requests it has, ends event streams and closes the connections that are idle.

    gunicorn's own worker counts those as work, until they have been idle for `keepalive` seconds or GRACEFUL_TIMEOUT is
    over: with the router in front, which keeps some open, that is each time.
    """

    sockets: list[Any]

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive or not self.is_parent_alive():
            shutdown.requested.set()
            self._close_listeners()
            self._close_idle()

    def _close_listeners(self) -> None:
        """At once, with what has reached them taken in: the kernel deals connections to every socket that listens."""
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets = []

    def _close_idle(self) -> None:
        # What has arrived already is a request, and is answered.
        self.wait_for_and_dispatch_events(timeout=0)
        for idle in (*self.keepalived_conns, *self.pending_conns):
            idle.timeout = 0.0
        self.murder_keepalived()
        self.murder_pending()
