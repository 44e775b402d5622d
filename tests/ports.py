"""Ports for servers under test: none is assigned twice, even to tests in other processes.

All are below the range that Linux uses for outgoing connections, so that no connection occupies one.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from heidi_standalone.ports import is_free

RANGES = range(20_000, 28_000, 40)
"""First ports of whole platforms."""
PORTS = range(28_000, 32_700)
"""Ports of single servers."""
USED = (*range(10), 24, 30)
"""Offsets of the ports on which a platform with its router at `base + 30` listens."""


def free_port() -> int:
    """Return a port for one server."""
    return _next_free("port", PORTS, [0])


def free_range() -> int:
    """Return a base port from which on all ports of a platform are free."""
    return _next_free("range", RANGES, USED)


def _next_free(kind: str, choices: range, offsets: Iterable[int]) -> int:
    for _ in choices:
        base = _next_in_turn(kind, choices)
        if all(is_free(base + offset) for offset in offsets):
            return base
    raise AssertionError(f"no free {kind}")


def _next_in_turn(kind: str, choices: range) -> int:
    turn = Path(tempfile.gettempdir()) / f"heidi-test-{kind}s-{os.geteuid()}"
    with turn.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = int(file.read() or 0) % len(choices)
        file.truncate(0)
        file.write(str(number + 1))
    return choices[number]
