"""Ends uploads that have stalled: their sockets are shut down, so that reading from them ends.

A time limit for each read would not suffice, since a client that sends single bytes would occupy a thread indefinitely.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHECK_SECONDS = 1.0
Progress = Callable[[], None]


class StallGuard:
    """The uploads of this process, and a thread that checks them as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[socket.socket, float] = {}
        self._is_running = False

    @contextmanager
    def watch(self, connection: socket.socket | None, seconds: float) -> Iterator[Progress]:
        """Shut down a connection if the returned function is not called for `seconds`.

        Args:
            connection: The socket of the request; None if the server does not tell.
            seconds: The longest time without progress.
        """
        if connection is None:
            yield lambda: None
            return

        def progress() -> None:
            self._due[connection] = time.monotonic() + seconds

        with self._lock:
            progress()
            self._start()
        try:
            yield progress
        finally:
            with self._lock:
                self._due.pop(connection, None)

    def _start(self) -> None:
        if not self._is_running:
            self._is_running = True
            threading.Thread(target=self._run, name="stalled-uploads", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            now = time.monotonic()
            with self._lock:
                if not self._due:
                    self._is_running = False
                    return
                for connection, due in self._due.items():
                    if due < now:
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_RD)


guard = StallGuard()
