"""Constant-time responses: the duration of a response must not reveal what its body conceals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

FLOOR_SECONDS = 0.1


@contextmanager
def constant_time_response(seconds: float = FLOOR_SECONDS) -> Iterator[None]:
    """Stretch a block to at least `seconds`, even if it raises: with and without an e-mail it takes equally long."""
    end = time.monotonic() + seconds
    try:
        yield
    finally:
        time.sleep(max(0.0, end - time.monotonic()))
