"""Lists of commands: report when one is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import click

T = TypeVar("T")


def first(rows: Iterable[T], limit: int) -> Iterator[T]:
    """Yield the first rows, then report on stderr if there are more.

    Args:
        rows: At least `limit` + 1 rows, if as many exist.
        limit: The value of the command's `--limit`.
    """
    remaining = iter(rows)
    yield from islice(remaining, limit)
    report_cut(next(remaining, None) is not None, limit)


def report_cut(is_cut: bool, limit: int) -> None:
    """Report that a list shows its first rows only."""
    if is_cut:
        click.echo(f"Only the first {limit} are shown; there are more (see --limit).", err=True)
