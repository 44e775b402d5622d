"""A client of ClamAV's clamd: the command INSTREAM.

Source: clamd(8): `zINSTREAM\\0`, then chunks, each preceded by its length as four bytes in network order; a length of
zero ends the stream. The response is `stream: OK`, `stream: NAME FOUND` or a text that ends in `ERROR`.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
SCAN_SECONDS = 300.0
DEFAULT_PORT = 3310
_MAX_RESPONSE = 4096
_FOUND = re.compile(r"stream: (\S.*) FOUND")


class ScanFailed(Exception):
    """clamd is unavailable, or could not scan the content. The text says why."""


def scan(url: str, chunks: Iterable[bytes]) -> str | None:
    """Scan content for viruses.

    Args:
        url: `tcp://host:port` or `unix:///path`.
        chunks: The content.

    Returns:
        The name of the virus; None if none was detected.

    Raises:
        ScanFailed: The scan has no result, for example because the content exceeds clamd's `StreamMaxLength`.
    """
    try:
        with _connect(url) as connection:
            response = _converse(connection, chunks)
    except OSError as error:
        raise ScanFailed(f"clamd is unavailable: {error}") from error
    return _virus(response)


def version(url: str) -> str:
    """Ask clamd for its version and that of its signatures.

    Raises:
        ScanFailed: clamd is unavailable.
    """
    try:
        with _connect(url) as connection:
            connection.sendall(b"zVERSION\0")
            return _response(connection)
    except OSError as error:
        raise ScanFailed(f"clamd is unavailable: {error}") from error


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme != "unix":
        connection = socket.create_connection((parts.hostname or "", parts.port or DEFAULT_PORT), CONNECT_SECONDS)
        connection.settimeout(SCAN_SECONDS)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(parts.path)
        connection.settimeout(SCAN_SECONDS)
    except OSError:
        connection.close()
        raise
    return connection


def _converse(connection: socket.socket, chunks: Iterable[bytes]) -> str:
    """Send the content and read the response.

    clamd responds early if the content is too long, and then closes the connection: the response says more than the
    broken connection.
    """
    broken: OSError | None = None
    try:
        connection.sendall(b"zINSTREAM\0")
        for chunk in chunks:
            connection.sendall(struct.pack("!I", len(chunk)) + chunk)
        connection.sendall(struct.pack("!I", 0))
    except (BrokenPipeError, ConnectionResetError) as error:
        broken = error
    response = _response(connection)
    if not response and broken:
        raise broken
    return response


def _response(connection: socket.socket) -> str:
    response = b""
    while b"\0" not in response and len(response) < _MAX_RESPONSE:
        received = connection.recv(_MAX_RESPONSE)
        if not received:
            break
        response += received
    return response.rstrip(b"\0").decode("utf-8", "replace").strip()


def _virus(response: str) -> str | None:
    if response == "stream: OK":
        return None
    if detected := _FOUND.fullmatch(response):
        return detected[1]
    raise ScanFailed(f"clamd responded: {response[:200] or 'nothing'}")
