"""When a failed delivery is sent again: ten attempts over about three days."""

from __future__ import annotations

import random

RETRY_DELAYS = (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds after the first, second, ... failed attempt. The first attempt is immediate, so there are ten."""
JITTER = 0.2


def retry_delay(attempt: int, retry_after: float | None) -> float | None:
    """The time until the next attempt.

    Args:
        attempt: The number of the attempt that failed, from 1.
        retry_after: The seconds that the endpoint asks for, if it does. They are limited to between one and two times
            the scheduled delay.

    Returns:
        Seconds, with 20 % jitter unless the endpoint asked for a delay; None after the last attempt.
    """
    if attempt > len(RETRY_DELAYS):
        return None
    delay = RETRY_DELAYS[attempt - 1]
    if retry_after is not None:
        return min(max(retry_after, delay), 2 * delay)
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # nosec B311  # spreads load, is not a secret
