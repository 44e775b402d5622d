"""Read the timestamps that senders of webhooks sign, in any of the usual formats."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?", re.ASCII)
_DATE_AND_TIME = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9].*", re.ASCII | re.IGNORECASE)
_LARGEST_SECONDS = 1e11
"""The year 5138. As milliseconds it is 1973, so no recent time is read in the wrong unit."""


def parse_timestamp(text: str) -> float:
    """Read a timestamp.

    Args:
        text: Unix time in seconds (also with a fraction), milliseconds, microseconds or nanoseconds; date and time by
            ISO 8601, in UTC if it has no offset; or a date as in HTTP headers.

    Returns:
        Unix time in seconds.

    Raises:
        ValueError: The text is none of these.

    Source: RFC 9110, 5.6.7, for dates in HTTP headers.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _to_seconds(float(text))
    is_iso = _DATE_AND_TIME.fullmatch(text) is not None
    signed_at = datetime.fromisoformat(text.upper()) if is_iso else parsedate_to_datetime(text)
    return (signed_at if signed_at.tzinfo else signed_at.replace(tzinfo=UTC)).timestamp()


def _to_seconds(number: float) -> float:
    while number >= _LARGEST_SECONDS:
        number /= 1000
    return number
