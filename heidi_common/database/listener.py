"""PostgreSQL's LISTEN/NOTIFY on a separate connection, outside SQLAlchemy's pool."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Set
from typing import Any

import psycopg2
from psycopg2.extensions import quote_ident

from heidi_common.database.dsn import psycopg2_dsn

log = logging.getLogger(__name__)
CHECK_SECONDS = 10.0
"""After this many seconds without a notification, a statement checks that the server still responds."""
RECONNECT_PAUSE_SECONDS = 0.5

NotificationHandler = Callable[[Set[str] | None], object]
"""Called with the payloads of the notifications that arrived. The set is empty after a time-out. The argument is None
after each connect, because notifications may have been missed before it."""


class NotifyListener:
    """Listens on channels of PostgreSQL. An instance belongs to one thread.

    A thread that only listens calls `run`. A loop that has other work to do calls `wait`.

    Args:
        database_url: DATABASE_URL.
        channels: The names of the channels.
        name: The connection's `application_name`, also shown in the log.
    """

    def __init__(self, database_url: str, *channels: str, name: str) -> None:
        self._dsn = psycopg2_dsn(database_url)
        self._channels = channels
        self._name = name
        self._connection: Any = None
        self._checked_at = 0.0

    def wait(self, seconds: float) -> set[str]:
        """Wait for notifications. Connects first if there is no connection.

        Args:
            seconds: The longest time to wait, in seconds.

        Returns:
            The payloads without duplicates, or an empty set after `seconds` without a notification.

        Raises:
            psycopg2.Error: The connection is lost. The next call connects again.
        """
        if self._connection is None:
            self._connect()
        try:
            return self._receive(seconds)
        except Exception:
            self.close()
            raise

    def run(
        self, handle: NotificationHandler, *, timeout: float, until: Callable[[], bool], max_pause: float = 5.0
    ) -> None:
        """Call `handle` after each connect, notification and time-out, until `until` returns True.

        If the connection or `handle` fails, the listener logs the first failure in a row and connects again.

        Args:
            handle: Receives the payloads, or None after a connect.
            timeout: Seconds without a notification after which `handle` is called with an empty set.
            until: Checked before each wait. The connection is closed when it returns True.
            max_pause: The longest pause between two attempts to connect, in seconds. Pauses grow with each failure.
        """
        failures = 0
        while not until():
            try:
                handle(self._next(timeout))
                failures = 0
            except Exception as error:
                self.close()
                failures += 1
                if failures == 1:
                    log.warning("listener failed; reconnecting", extra={"role": self._name, "error": repr(error)[:300]})
                time.sleep(min(failures * RECONNECT_PAUSE_SECONDS, max_pause))
        self.close()

    def close(self) -> None:
        """Close the connection. The next `wait` opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _next(self, timeout: float) -> set[str] | None:
        if self._connection is None:
            self._connect()
            return None
        return self.wait(timeout)

    def _connect(self) -> None:
        connection = psycopg2.connect(self._dsn, connect_timeout=5, application_name=self._name)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for channel in self._channels:
                cursor.execute(f"LISTEN {quote_ident(channel, cursor)}")
        self._connection, self._checked_at = connection, time.monotonic()

    def _receive(self, seconds: float) -> set[str]:
        if select.select([self._connection], [], [], seconds)[0]:
            self._checked_at = time.monotonic()
        elif time.monotonic() - self._checked_at >= CHECK_SECONDS:
            self._check()
        self._connection.poll()
        payloads = {notification.payload for notification in self._connection.notifies}
        self._connection.notifies.clear()
        return payloads

    def _check(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        self._checked_at = time.monotonic()
