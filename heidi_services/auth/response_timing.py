"""Constant-time responses: the duration of a response must not reveal what its body conceals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

FLOOR_SECONDS = 0.1


@contextmanager
def constant_time_response(seconds: float = FLOOR_SECONDS) -> Iterator[None]:
    """Make a block take at least `seconds`, even if it raises, to hide whether an e-mail is sent."""
    end = time.monotonic() + seconds
    try:
        yield
    finally:
        time.sleep(max(0.0, end - time.monotonic()))
