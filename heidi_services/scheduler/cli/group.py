"""The group `flask schedules`, and what its commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click
from flask.cli import AppGroup

from heidi_common.problems import Problem

commands = AppGroup("schedules", help="List, run, enable and disable schedules; list, cancel and repeat runs.")

OPERATOR = UUID(int=0)
"""The actor in the audit trail for commands that are run in a terminal."""


@contextmanager
def reports_problems() -> Iterator[None]:
    """Report a problem as a single line instead of a stack trace."""
    try:
        yield
    except Problem as problem:
        raise click.ClickException(str(problem)) from None
