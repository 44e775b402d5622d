"""Check the addresses of a web process once, before workers are started.

With `reuse_port` each worker opens its own socket, and gunicorn restarts a worker that cannot open it indefinitely.
"""

from __future__ import annotations

import errno
import logging
import socket
import sys
import time
from collections.abc import Iterable

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
"""How long to wait for an address in use, as gunicorn does: a process that was killed may still be ending."""


def require_free(addresses: Iterable[object]) -> None:
    """Exit after a log line that names the first address that cannot be used.

    Args:
        addresses: `(host, port)` tuples. Others (the paths of Unix sockets) are ignored.

    Raises:
        SystemExit: An address cannot be used.
    """
    for address in addresses:
        if isinstance(address, tuple):
            _require(*address)


def _require(host: str, port: int) -> None:
    deadline = time.monotonic() + RETRY_SECONDS
    while error := bind_error(host, port):
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            log.critical("Heidi cannot listen at %s:%s: %s", host, port, error.strerror)
            sys.exit(1)
        time.sleep(0.1)


def bind_error(host: str, port: int) -> OSError | None:
    """The error that a server would get at this address without SO_REUSEPORT; None if it could listen."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None
