"""What is being done now, and how long it took; dots meanwhile, so that nobody waits before a silent screen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click

DOT_SECONDS = 2.0


@contextmanager
def step(what: str) -> Iterator[None]:
    """``  PostgreSQL ... 0.6 s``"""
    started, done = time.monotonic(), Event()
    click.echo(f"  {what} ...", nl=False)
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
