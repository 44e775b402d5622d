"""Waiting for what others do, with an end to patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from heidi_standalone.api_client import Failed

T = TypeVar("T")
PAUSE = 0.05


def wait_for(look: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """The first thing that `look` finds; Failed when it finds none in time."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {seconds:.0f} s")
        time.sleep(PAUSE)
    return found
