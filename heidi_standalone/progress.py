"""Progress of the start: the current step, a dot every two seconds, and how long the step took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click

DOT_SECONDS = 2.0


@contextmanager
def step(title: str) -> Iterator[None]:
    """Report a step while its block runs: `  Migrating the database ... 0.6 s`."""
    started, done = time.monotonic(), Event()
    click.echo(f"  {title} ...", nl=False)
    Thread(target=_dots, args=[done], daemon=True).start()
    try:
        yield
    except BaseException:
        done.set()
        click.echo("")
        raise
    done.set()
    click.echo(f" {time.monotonic() - started:.1f} s")


def _dots(done: Event) -> None:
    while not done.wait(DOT_SECONDS):
        click.echo(".", nl=False)
