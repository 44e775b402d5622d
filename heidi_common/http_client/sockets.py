"""The sockets underneath: checked addresses, and a deadline that no server stretches.

urllib3 opens its sockets in ``_new_conn`` and reads them through the response's file
object; those two places are replaced here.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from heidi_common.http_client.addresses import Network, may_connect
from heidi_common.http_client.errors import BlockedURLError, ConnectFailed, TimedOut

CONNECT_TIMEOUT = 5.0
Resolver = Callable[[str, int], list[str]]


@dataclass
class TimedSocketCall:
    """One request under way. ``allow`` is None when the address is trusted."""

    deadline: float
    allow: Sequence[Network] | None
    resolver: Resolver
    sent: bool = False

    def remaining(self) -> float:
        """Seconds left, at least a little: 0 would mean "never block" to a socket."""
        return max(self.deadline - time.monotonic(), 0.001)

    def expired(self) -> bool:
        return time.monotonic() >= self.deadline


_call: ContextVar[TimedSocketCall] = ContextVar("outbound_call")


@contextmanager
def current_call(call: TimedSocketCall) -> Iterator[None]:
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def resolve(host: str, port: int) -> list[str]:
    """Every address of the host, as the system sees it (which reads ``0x7f.1``, too)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _checked_addresses(host: str, port: int, call: TimedSocketCall) -> list[str]:
    addresses = _resolve_in_time(host, port, call)
    if call.allow is None:
        return addresses
    passed = [text for text in addresses if may_connect(ip_address(text), call.allow)]
    if not passed:
        raise BlockedURLError(f"{host} is not a public address")
    return passed


def _resolve_in_time(host: str, port: int, call: TimedSocketCall) -> list[str]:
    """getaddrinfo has no time limit of its own, so it runs in a thread we can leave."""
    outcome: list[list[str] | Exception] = []

    def look_up() -> None:
        try:
            outcome.append(call.resolver(host, port))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=look_up, daemon=True, name="resolve")
    thread.start()
    thread.join(call.remaining())
    if not outcome:
        raise TimedOut(f"{host} could not be resolved in time")
    if isinstance(outcome[0], Exception) or not outcome[0]:
        raise ConnectFailed(f"{host} cannot be resolved")
    return outcome[0]


class _Raw(socket.SocketIO):
    """Each read waits for what is left of the whole call, not for a time of its own."""

    def __init__(self, sock: socket.socket, call: TimedSocketCall) -> None:
        super().__init__(sock, "rb")
        self._deadlined = sock
        self._call = call

    def readinto(self, buffer: Any) -> int | None:
        if self._call.expired():
            raise TimeoutError("timed out")
        self._deadlined.settimeout(self._call.remaining())
        return super().readinto(buffer)


class _Deadlined:
    """The one method of a socket that http.client's response uses."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._sock._io_refs += 1  # as socket.makefile does: the file outlives the socket's close
        return io.BufferedReader(_Raw(self._sock, _call.get()))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(_Deadlined(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Guard(HTTPConnection):
    """Connects to checked addresses only, and notes when the first byte leaves."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        call = _call.get()
        error: OSError | None = None
        limit = float(self.timeout or CONNECT_TIMEOUT)
        for address in _checked_addresses(self._dns_host.strip("[]"), self.port, call):
            try:
                return create_connection(
                    (address, self.port), min(call.remaining(), limit), socket_options=self.socket_options
                )
            except OSError as failure:
                error = failure
        if isinstance(error, TimeoutError):
            raise TimedOut(f"{self.host} did not accept the connection in time") from error
        raise ConnectFailed(f"{self.host} did not accept the connection") from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = _call.get()
        call.sent = True
        self.sock.settimeout(call.remaining())
        super().send(data)


class _GuardedHTTP(_Guard):
    pass


class _GuardedHTTPS(_Guard, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class GuardedAdapter(HTTPAdapter):
    """Never retries: urllib3 would repeat requests that may have been carried out."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
