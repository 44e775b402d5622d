"""Progress of the start: the current step, a dot every two seconds, and how long the step took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import click

DOT_SECONDS = 2.0


def echo(text: str, **style: Any) -> None:
    """Print text for the user. A full disk that receives the output must not stop the platform.

    Args:
        text: The text.
        style: Options of `click.secho`.
    """
    with suppress(OSError):
        click.secho(text.encode(errors="replace").decode(), **style)  # a path may contain bytes that are not text


@contextmanager
def step(title: str) -> Iterator[None]:
    """Report a step while its block runs: `  Migrating the database ... 0.6 s`."""
    started, done = time.monotonic(), Event()
    echo(f"  {title} ...", nl=False)
    Thread(target=_dots, args=[done], daemon=True).start()
    try:
        yield
    except BaseException:
        done.set()
        echo("")
        raise
    done.set()
    echo(f" {time.monotonic() - started:.1f} s")


def _dots(done: Event) -> None:
    while not done.wait(DOT_SECONDS):
        echo(".", nl=False)
