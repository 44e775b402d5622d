"""How many threads of a worker process are busy, and since when none has been free."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from heidi_common.metrics.worker_load import WorkerLoad

GAP_SECONDS = 1.0
"""A thread that takes its next message within this time was not free."""


class ThreadLoad:
    """The threads of this process, and the queue of the message that each is processing.

    Args:
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._threads = 0
        self._queues: dict[str, int] = {}
        self._busy: dict[int, str] = {}
        self._full_since: float | None = None
        self._free_since: float | None = None

    def begin(self, threads: int, queues: Iterable[str]) -> None:
        """Say how many threads the process has, and which queues it consumes."""
        self._threads, self._queues = threads, dict.fromkeys(sorted(queues), 0)

    def started(self, queue: str) -> None:
        """The calling thread has begun to process a message."""
        with self._lock:
            self._busy[threading.get_ident()] = queue
            if self._is_full():
                if not self._was_full_recently():
                    self._full_since = self._clock()
                self._free_since = None

    def finished(self) -> None:
        """The calling thread has processed its message."""
        with self._lock:
            was_full = self._is_full()
            if self._busy.pop(threading.get_ident(), None) is not None and was_full:
                self._free_since = self._clock()

    def read(self) -> WorkerLoad:
        """The present state."""
        with self._lock:
            busy = self._queues | Counter(self._busy.values())
            since = self._full_since if self._is_full() or self._was_full_recently() else None
            return WorkerLoad(self._threads, busy, 0.0 if since is None else self._clock() - since)

    def _is_full(self) -> bool:
        return 0 < self._threads <= len(self._busy)

    def _was_full_recently(self) -> bool:
        return self._free_since is not None and self._clock() - self._free_since <= GAP_SECONDS
