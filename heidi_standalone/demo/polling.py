"""Wait for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from heidi_standalone.api_client import StepFailed

T = TypeVar("T")
INTERVAL_SECONDS = 0.05


def wait_for(poll: Callable[[], T | None], expected: str, seconds: float = 20) -> T:
    """Call `poll` until it returns something.

    Args:
        poll: Returns None until the result is available.
        expected: What is expected, such as `The e-mail`, for the error.
        seconds: Timeout.

    Raises:
        StepFailed: The timeout has passed.
    """
    deadline = time.monotonic() + seconds
    while (result := poll()) is None:
        if time.monotonic() > deadline:
            raise StepFailed(f"{expected} did not arrive within {seconds:.0f} s.")
        time.sleep(INTERVAL_SECONDS)
    return result
