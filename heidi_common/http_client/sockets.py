"""Sockets that connect to checked addresses only, with a deadline that a slow server cannot extend.

urllib3 opens its sockets in `_new_conn` and reads them through the file object of the response. This module replaces
both. It relies on private API of urllib3 2 and of Python 3.11 to 3.13.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from heidi_common.http_client.addresses import Network, is_allowed
from heidi_common.http_client.errors import BlockedURLError, ConnectFailed, TimedOut

CONNECT_TIMEOUT = 5.0
Resolver = Callable[[str, int], list[str]]


@dataclass
class TimedSocketCall:
    """The call that the current thread makes.

    Attributes:
        deadline: When the call must have ended, in seconds of `time.monotonic()`.
        allow: Networks that may be called besides public addresses; None to skip the check.
        resolver: Resolves a host and a port to addresses.
        sent: Whether a part of the request may have been sent.
        status: The status of the response, as soon as its first line was read.
    """

    deadline: float
    allow: Sequence[Network] | None
    resolver: Resolver
    sent: bool = False
    status: int | None = None

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0.001: a time-out of 0 would make a socket non-blocking."""
        return max(self.deadline - time.monotonic(), 0.001)

    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline


_call: ContextVar[TimedSocketCall] = ContextVar("outbound_call")


@contextmanager
def current_call(call: TimedSocketCall) -> Iterator[None]:
    """Make `call` the call of this context, which the connections of `GuardedAdapter` use."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def resolve(host: str, port: int) -> list[str]:
    """Resolve a host with the system's resolver, which also accepts notations such as `0x7f.1`.

    Returns:
        The addresses, as text and without duplicates.

    Raises:
        OSError, UnicodeError: The host cannot be resolved.
    """
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def _checked_addresses(host: str, port: int, call: TimedSocketCall) -> list[str]:
    addresses = _resolve_in_time(host, port, call)
    if call.allow is None:
        return addresses
    allowed = [address for address in addresses if is_allowed(ip_address(address), call.allow)]
    if not allowed:
        raise BlockedURLError(f"{host} is not a public address")
    return allowed


def _resolve_in_time(host: str, port: int, call: TimedSocketCall) -> list[str]:
    """Resolve in a thread that can be abandoned, because getaddrinfo has no time limit."""
    results: list[list[str] | Exception] = []

    def run_resolver() -> None:
        try:
            results.append(call.resolver(host, port))
        except (OSError, UnicodeError) as error:
            results.append(error)

    thread = threading.Thread(target=run_resolver, daemon=True, name="resolve")
    thread.start()
    thread.join(call.remaining())
    if not results:
        raise TimedOut(f"{host} could not be resolved in time")
    if isinstance(results[0], Exception) or not results[0]:
        raise ConnectFailed(f"{host} cannot be resolved")
    return results[0]


class _TimedSocketIO(socket.SocketIO):
    """A file object whose reads wait until the deadline of the call, not for a separate time-out."""

    def __init__(self, sock: socket.socket, call: TimedSocketCall) -> None:
        super().__init__(sock, "rb")
        self._socket = sock
        self._call = call

    def readinto(self, buffer: Any) -> int | None:
        if self._call.expired():
            raise TimeoutError("timed out")
        self._socket.settimeout(self._call.remaining())
        return super().readinto(buffer)


class _TimedSocket:
    """Has the only method of a socket that http.client's response uses."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Open a file object for reading."""
        self._socket._io_refs += 1  # as socket.makefile does, so that the file can outlive the socket's close()
        return io.BufferedReader(_TimedSocketIO(self._socket, _call.get()))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]

    def _read_status(self) -> tuple[str, int, str]:
        """Record the status in the call. Interim responses (102, 103) are skipped; http.client skips only 100."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        while HTTPStatus.CONTINUE < status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS:
            http.client.parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        if status != HTTPStatus.CONTINUE:
            _call.get().status = status
        return version, status, reason


class _GuardedConnection(HTTPConnection):
    """Connects to checked addresses only, and records in the call that the request was sent."""

    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        call = _call.get()
        last_error: OSError | None = None
        limit = float(self.timeout or CONNECT_TIMEOUT)
        for address in _checked_addresses(self._dns_host.strip("[]"), self.port, call):
            try:
                return create_connection(
                    (address, self.port), min(call.remaining(), limit), socket_options=self.socket_options
                )
            except OSError as error:
                last_error = error
        if isinstance(last_error, TimeoutError):
            raise TimedOut(f"{self.host} did not accept the connection in time") from last_error
        raise ConnectFailed(f"{self.host} did not accept the connection") from last_error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = _call.get()
        call.sent = True
        self.sock.settimeout(call.remaining())
        super().send(data)


class _GuardedHTTP(_GuardedConnection):
    pass


class _GuardedHTTPS(_GuardedConnection, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class GuardedAdapter(HTTPAdapter):
    """An adapter of requests with guarded connections. It never retries, because a request may have taken effect.

    Args:
        ssl_context: Presents a client certificate; None for connections without one.
        kwargs: Arguments of HTTPAdapter.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None, **kwargs: Any) -> None:
        self._ssl_context = ssl_context
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._ssl_context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
