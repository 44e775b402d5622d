"""Times that are typed in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import click

TIME = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"))


def in_utc(time: datetime) -> datetime:
    """Return the time; in UTC if it was entered without an offset."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
