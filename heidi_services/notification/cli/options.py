"""Options and tables of the commands."""

from __future__ import annotations

from collections.abc import Iterable

import click

from heidi_common.channels.registry import CHANNELS as _CHANNELS

CHANNELS = click.Choice(list(_CHANNELS), case_sensitive=False)


def echo_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
