"""A connection pool whose threads get their turn in the order in which they came.

SQLAlchemy's pool lets a thread that comes late take a connection before threads that wait. With more busy threads than
connections, some threads waited for longer than the time limit while others got a connection thousands of times.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.pool import QueuePool
from sqlalchemy.util.queue import Empty, Queue


class Turns:
    """A lock that threads acquire in the order in which they asked for it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    @contextmanager
    def turn(self, seconds: float | None) -> Iterator[None]:
        """Wait for the caller's turn, which ends with the block.

        Args:
            seconds: The longest time to wait; None: no limit.

        Raises:
            Empty: The time is over.
        """
        self._wait(seconds)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, seconds: float | None) -> None:
        called = threading.Lock()
        called.acquire()
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiting.append(called)
        if called.acquire(timeout=-1 if seconds is None else max(0.0, seconds)):
            return
        with self._guard:
            if called in self._waiting:
                self._waiting.remove(called)
                raise Empty  # otherwise the turn was passed on at this moment

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class _FairQueue(Queue[Any]):
    """SQLAlchemy's queue of idle connections. Only the thread whose turn it is waits for one."""

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        super().__init__(maxsize, use_lifo)
        self._turns = Turns()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block:
            return super().get(block=False)
        end = None if timeout is None else time.monotonic() + timeout
        with self._turns.turn(timeout):
            return super().get(True, None if end is None else max(0.0, end - time.monotonic()))


class FairQueuePool(QueuePool):
    """SQLAlchemy's default pool, with a fair queue."""

    _queue_class = _FairQueue
