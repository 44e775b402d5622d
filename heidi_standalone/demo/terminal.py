"""The output of the demonstration: a line for each step, with its duration and its result."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TITLE_WIDTH = 44
Report = Callable[[str], None]
"""Adds a line to the result of a step."""


def print_text(text: str, end: str = "\n") -> None:
    """Print text immediately."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


class Terminal:
    """Numbers the steps. The title of a step is printed when it begins, its duration and result when it ends."""

    def __init__(self) -> None:
        self.number = 0
        self.started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[Report]:
        """`with terminal.step("Sign in") as report: ...; report("the result")`"""
        self.number += 1
        print_text(f"{self.number:>3}  {title} ".ljust(TITLE_WIDTH, "."), end=" ")
        started, results = time.monotonic(), list[str]()
        try:
            yield results.append
        except BaseException:
            print_text(f"{time.monotonic() - started:6.2f} s  FAILED")
            raise
        first, *others = results or [""]
        print_text(f"{time.monotonic() - started:6.2f} s  {first}")
        for line in others:
            print_text(" " * (TITLE_WIDTH + 11) + line)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
