"""Answers that must not tell by their time what they do not say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

FLOOR_SECONDS = 0.1


@contextmanager
def same_time(seconds: float = FLOOR_SECONDS) -> Iterator[None]:
    """Leave no earlier than after so many seconds, also by an exception: writing a mail or not looks the same."""
    end = time.monotonic() + seconds
    try:
        yield
    finally:
        time.sleep(max(0.0, end - time.monotonic()))
