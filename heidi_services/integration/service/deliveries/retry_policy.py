"""When a failed delivery is retried automatically: ten attempts over about three days. (`manual_retry`: by hand.)"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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


def parse_retry_after(header: str, now: datetime) -> float | None:
    """Parse a `Retry-After` header, a number of seconds or a date (RFC 9110).

    Returns:
        Seconds from `now`, at least 0; None if the header is empty or invalid.
    """
    header = header.strip()
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
