"""What is seen: a line for each step, with its time and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TITLE_WIDTH = 44
Tell = Callable[[str], None]


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


class Screen:
    """Numbers the steps; the title stands there while its step is under way."""

    def __init__(self) -> None:
        self.number = 0
        self.started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[Tell]:
        """`with screen.step("Sign in") as tell: ...; tell("what came of it")`"""
        self.number += 1
        say(f"{self.number:>3}  {title} ".ljust(TITLE_WIDTH, "."), end=" ")
        begun, results = time.monotonic(), list[str]()
        try:
            yield results.append
        except BaseException:
            say(f"{time.monotonic() - begun:6.2f} s  FAILED")
            raise
        first, *others = results or [""]
        say(f"{time.monotonic() - begun:6.2f} s  {first}")
        for line in others:
            say(" " * (TITLE_WIDTH + 11) + line)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
