"""What anybody can cause without end is noted now and then, with a count of what was left out."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

WINDOW_SECONDS = 60
MAX_KEYS = 100


class Sampler:
    """Lets one through for each key a minute, and no more than a hundred keys: of a process, so it needs no Redis."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends = 0.0
        self._keys: set[Hashable] = set()
        self._left_out = 0

    def admit(self, key: Hashable) -> int | None:
        """How many were left out since the last one that was let through; None when this one is left out, too."""
        with self._lock:
            if time.monotonic() >= self._ends:
                self._ends, self._keys = time.monotonic() + WINDOW_SECONDS, set()
            if key in self._keys or len(self._keys) >= MAX_KEYS:
                self._left_out += 1
                return None
            self._keys.add(key)
            left_out, self._left_out = self._left_out, 0
            return left_out
