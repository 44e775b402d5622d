"""Sampling of events that clients can cause without limit: one per key and minute, with a count of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

WINDOW_SECONDS = 60
MAX_KEYS = 100


class Sampler:
    """Selects the events that are recorded. Its state belongs to the process, so that it does not need Redis.

    In each window of 60 s it selects the first event of each key, for up to 100 keys. Safe for threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window_ends_at = 0.0
        self._keys: set[Hashable] = set()
        self._suppressed = 0

    def should_record(self, key: Hashable) -> bool:
        """Whether to record this event. If not, it is counted as suppressed.

        Args:
            key: Events with the same key are alike, so that one of them is enough.
        """
        with self._lock:
            if time.monotonic() >= self._window_ends_at:
                self._window_ends_at, self._keys = time.monotonic() + WINDOW_SECONDS, set()
            if key in self._keys or len(self._keys) >= MAX_KEYS:
                self._suppressed += 1
                return False
            self._keys.add(key)
            return True

    def take_suppressed(self) -> int:
        """Return the number of events that were suppressed since the last call, and start counting again."""
        with self._lock:
            suppressed, self._suppressed = self._suppressed, 0
            return suppressed
