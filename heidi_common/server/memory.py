"""Freed memory that the allocator keeps: returned to the system when a process has become idle.

glibc keeps freed blocks of up to 32 MB for the next request. Hashing a password needs 19 MiB for 21 ms, so that a
process would hold on to 19 MiB for each concurrent sign-in. Returning them after each hash would make the next one 40 %
slower, since the system clears every page again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

IDLE_SECONDS = 5.0
_M_ARENA_MAX = -8
"""Source: malloc.h of glibc."""


def use_one_arena() -> None:
    """Allocate for all threads from one arena, since `malloc_trim` does not return the end of others. Call it before
    threads are started. Threads that run Python rarely allocate at the same time."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)


def _malloc_trim() -> None:
    """Source: malloc_trim(3). Allocators other than glibc's lack the function and return memory by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class IdleTrimmer:
    """Returns freed memory once after each period of work.

    Args:
        trim: Returns the memory to the system.
    """

    def __init__(self, trim: Callable[[], None] = _malloc_trim) -> None:
        self._trim = trim
        self._handled = self._trimmed = 0
        self._idle_since = 0.0

    def check(self, handled: int, now: float) -> None:
        """Trim if the process has been idle for IDLE_SECONDS. Call it about once a second.

        Args:
            handled: The number of requests that the process has handled so far.
            now: Seconds of `time.monotonic()`.
        """
        if handled != self._handled:
            self._handled, self._idle_since = handled, now
        elif handled != self._trimmed and now - self._idle_since >= IDLE_SECONDS:
            self._trimmed = handled
            self._trim()
