"""Waiting for what must come, without knowing when: a busy machine may take its time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0


def until(holds: Callable[[], object], seconds: float = PATIENCE, *, pause: float = 0.02) -> None:
    """Return as soon as it holds. The limit is for what never comes, not for what comes late."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
