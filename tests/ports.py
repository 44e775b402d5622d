"""Ports for whole platforms under test: each gets a range that no other test, in no other process, is given."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST, WIDTH = 20_000, 32_000, 40
"""Below the range from which Linux takes the ports of outgoing connections."""
USED = (*range(7), 20, 24, 30)
"""What a platform with its router at `base + 30` listens on."""


def free_range() -> int:
    """A base port above which everything that a platform needs is free."""
    for _ in range((LAST - FIRST) // WIDTH):
        base = _next_base()
        if all(_is_free(base + offset) for offset in USED):
            return base
    raise AssertionError("no free range of ports")


def _next_base() -> int:
    """Ranges are handed out in turn, also to tests that run side by side."""
    turn = Path(tempfile.gettempdir()) / f"heidi-test-ports-{os.geteuid()}"
    with turn.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        base = int(file.read() or FIRST)
        file.truncate(0)
        file.write(str(base + WIDTH if base + 2 * WIDTH <= LAST else FIRST))
    return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
