"""Wake the relay for events whose statement does not notify it.

PostgreSQL commits transactions with a NOTIFY one after the other, each with its own flush to the disk. A frequent
statement therefore commits without one, and a thread of the process notifies the relay afterwards: once for all events
of some milliseconds, in a transaction that writes nothing. If the process is killed in between, the relay finds the
events when it polls, within a second.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import Any

from sqlalchemy.engine import Engine

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import after_commit
from heidi_common.messaging.outbox import OUTBOX_CHANNEL
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
PAUSE_SECONDS = 0.02
"""The time from one notification to the next: that of a round of the relay, which would not start earlier anyway."""
RESULTS_PAUSE_SECONDS = 0.1
"""The same time if only results were emitted, for which no worker waits: a round costs as much as ten events."""
IDLE_SECONDS = 10.0
"""The thread ends when nothing was emitted for this long."""


def wake_relay(*, for_result: bool = False) -> None:
    """Wake the relay when the caller's transaction has committed, or now if none is open.

    Args:
        for_result: The event reports a result for which nobody waits, so that the relay may take many together.
    """
    after_commit(_waker().wake_for_result if for_result else _waker().wake)


class RelayWaker:
    """Notifies the relay in a separate thread, which starts with the first event, that is, after any fork."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._is_requested = self._is_urgent = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Request a notification. Those that are requested while one is about to be sent are served by it."""
        if not self._is_urgent:
            self._request(urgent=True)

    def wake_for_result(self) -> None:
        """Request a notification that may wait until RESULTS_PAUSE_SECONDS after the last one."""
        if not self._is_requested:
            self._request(urgent=False)

    def _request(self, *, urgent: bool) -> None:
        with self._changed:
            self._is_requested, self._is_urgent = True, self._is_urgent or urgent
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="relay-wakeup", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._next_request():
            try:
                self._notify()
            except Exception as error:  # the relay polls
                log.debug("the relay was not notified", extra={"error": repr(error)[:300]})
            time.sleep(PAUSE_SECONDS)
            with self._changed:
                self._changed.wait_for(lambda: self._is_urgent, RESULTS_PAUSE_SECONDS - PAUSE_SECONDS)

    def _next_request(self) -> bool:
        """Wait for a request; False if there was none for IDLE_SECONDS."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_requested, IDLE_SECONDS):
                self._thread = None
                return False
            self._is_requested = self._is_urgent = (
                False  # before the notification: an event that is committed later requests another
            )
            return True

    def _notify(self) -> None:
        with closing(self._engine.raw_connection()) as pooled:
            driver: Any = pooled.driver_connection
            driver.autocommit = True  # the pool resets it
            with driver.cursor() as cursor:
                cursor.execute(f"NOTIFY {OUTBOX_CHANNEL}")


@per_app
def _waker(_settings: Settings) -> RelayWaker:
    return RelayWaker(db.engine)
