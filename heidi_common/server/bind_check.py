"""Whether a web process may listen where it is told to, asked once, before there are workers.

With `reuse_port` each worker opens a socket of its own; gunicorn starts one that cannot again and again, for ever.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterable

PATIENCE_SECONDS = 5
"""As long as gunicorn itself tries: what a killed predecessor left behind may take a moment to end."""


def require_free(addresses: Iterable[object]) -> None:
    """End with one line that names the address which cannot be used."""
    for address in addresses:
        if isinstance(address, tuple):
            _require(*address)


def _require(host: str, port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while error := bind_error(host, port):
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            sys.exit(f"Heidi cannot listen at {host}:{port}: {error.strerror}")
        time.sleep(0.1)


def bind_error(host: str, port: int) -> OSError | None:
    """What a server that shares its address with nobody would be told there; None if it could listen."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None
