"""Waiting for a condition, with a limit that a busy machine does not exceed."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 60.0


def until(condition: Callable[[], object], seconds: float = TIMEOUT_SECONDS, *, pause: float = 0.02) -> None:
    """Return as soon as the condition is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not become true within {seconds} s"
        time.sleep(pause)
