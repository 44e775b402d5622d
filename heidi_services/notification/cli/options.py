"""Options and tables of the commands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import click

from heidi_common.channels.registry import CHANNELS as _CHANNELS

CHANNELS = click.Choice(list(_CHANNELS), case_sensitive=False)
TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])


def utc(instant: datetime) -> datetime:
    """Return the time; in UTC if it was entered without an offset."""
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def echo_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
