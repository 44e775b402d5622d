"""The open connections to an SMTP server that the threads of a process share."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from heidi_services.notification.channels.smtp_connection import SmtpConnection, SmtpEnvelope, SMTPRejected
from heidi_services.notification.channels.smtp_server import SmtpServer

IDLE_SECONDS = 30.0
"""How long an unused connection stays open: less than the time after which servers close theirs."""
SLOW_SECONDS = 3.0
"""A delivery that takes longer shows that the server is slow."""
INTERRUPT_AFTER_SECONDS = 5.0
_CLOSING = 421


class NoFreeConnection(Exception):
    """Other messages used all connections for the whole time. This one has not been transmitted."""


class IdleConnection(NamedTuple):
    """An open connection that is not in use, and since when, as a value of `time.monotonic()`."""

    connection: SmtpConnection
    since: float


class SmtpPool:
    """Delivers messages over at most `size` connections, which stay open for the next message.

    The connection that was used last is reused first, so that the others become idle when there is less to do. A
    thread closes these; it runs only while a connection is idle.
    """

    def __init__(self, server: SmtpServer, *, size: int, idle_seconds: float = IDLE_SECONDS) -> None:
        self._server, self._idle_seconds = server, idle_seconds
        self._size, self._slow_size = size, max(1, size // 2)
        self._changed = threading.Condition()
        self._deliveries: dict[object, float] = {}
        self._in_use: set[SmtpConnection] = set()
        self._is_slow = False
        self._idle: list[IdleConnection] = []
        self._closer: threading.Thread | None = None
        self._is_closed = False

    def deliver(self, envelope: SmtpEnvelope, body: bytes, *, deadline: float) -> str:
        """Transmit one message.

        If the server has closed an idle connection, or closes it before it has accepted the message, the message is
        transmitted over a new one.

        Args:
            envelope: The sender and the recipients.
            body: The message with CRLF line ends.
            deadline: When the delivery must be finished, as a value of `time.monotonic()`.

        Returns:
            The server's response to the message.

        Raises:
            NoFreeConnection: No connection became free until the deadline.
            SMTPRejected, SMTPResponseLost, SMTPMisconfigured, OSError: As `SmtpConnection` does.
        """
        with self._slot(deadline):
            connection = self._take_idle()
            if connection is not None:
                try:
                    return self._use(connection, envelope, body, deadline)
                except (smtplib.SMTPServerDisconnected, ConnectionError):
                    pass
                except SMTPRejected as error:
                    if error.code != _CLOSING:
                        raise
            return self._use(SmtpConnection(self._server, deadline=deadline), envelope, body, deadline)

    def interrupt(self) -> None:
        """Stop waiting for responses, when the process ends: these messages may have been accepted, or not.

        Servers that are not slow get a few seconds more, so that few messages are affected.
        """
        until = time.monotonic() + INTERRUPT_AFTER_SECONDS
        while self._awaiting() and time.monotonic() < until:
            time.sleep(0.05)
        for connection in self._awaiting():
            connection.interrupt()

    def close(self) -> None:
        """Close the idle connections now, and each other one when its message has been transmitted."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            self._changed.notify()
        for connection, _ in idle:
            connection.quit()

    @contextmanager
    def _slot(self, deadline: float) -> Iterator[None]:
        with self._changed:
            while len(self._deliveries) >= self._limit():
                if self._is_slow or not self._changed.wait(min(SLOW_SECONDS, max(0.0, deadline - time.monotonic()))):
                    self._raise_if_over(deadline)
            delivery, started = object(), time.monotonic()
            self._deliveries[delivery] = started
        try:
            yield
        finally:
            with self._changed:
                del self._deliveries[delivery]
                self._is_slow = time.monotonic() - started > SLOW_SECONDS
                self._changed.notify_all()

    def _raise_if_over(self, deadline: float) -> None:
        """Raise if waiting is of no use: the threads of a worker could deliver other messages meanwhile."""
        if self._is_slow:
            raise NoFreeConnection("The SMTP server is slow, and enough messages wait for its response")
        if time.monotonic() >= deadline:
            raise NoFreeConnection("All connections to the SMTP server are in use")

    def _limit(self) -> int:
        """While the server is slow, half of the connections: with the defaults, a quarter of a worker's threads."""
        slow_since = time.monotonic() - SLOW_SECONDS
        self._is_slow = self._is_slow or any(started < slow_since for started in self._deliveries.values())
        return self._slow_size if self._is_slow else self._size

    def _awaiting(self) -> list[SmtpConnection]:
        with self._changed:
            return [connection for connection in self._in_use if connection.awaits_since is not None]

    def _use(self, connection: SmtpConnection, envelope: SmtpEnvelope, body: bytes, deadline: float) -> str:
        """Transmit the message; afterwards the connection is idle or, if it has failed, closed."""
        is_usable = False
        with self._changed:
            self._in_use.add(connection)
        try:
            reply = connection.deliver(envelope, body, deadline=deadline)
            is_usable = True
            return reply
        except SMTPRejected as error:
            is_usable = error.code != _CLOSING
            raise
        finally:
            with self._changed:
                self._in_use.discard(connection)
            if is_usable:
                self._keep(connection)
            else:
                connection.close()

    def _take_idle(self) -> SmtpConnection | None:
        with self._changed:
            return self._idle.pop().connection if self._idle else None

    def _keep(self, connection: SmtpConnection) -> None:
        with self._changed:
            if not self._is_closed:
                self._idle.append(IdleConnection(connection, time.monotonic()))
                if self._closer is None:
                    self._closer = threading.Thread(target=self._close_expired, name="smtp-idle", daemon=True)
                    self._closer.start()
                return
        connection.quit()

    def _close_expired(self) -> None:
        """Close each connection that was idle for too long. The thread ends when no connection is idle."""
        while (expired := self._next_expired()) is not None:
            for connection, _ in expired:
                connection.quit()

    def _next_expired(self) -> list[IdleConnection] | None:
        """Wait until the connection that is idle the longest has expired; None if none is idle."""
        with self._changed:
            if not self._idle:
                self._closer = None
                return None
            self._changed.wait(max(0.0, self._idle[0].since + self._idle_seconds - time.monotonic()))
            latest = time.monotonic() - self._idle_seconds
            expired = [item for item in self._idle if item.since <= latest]
            self._idle = [item for item in self._idle if item.since > latest]
            return expired
