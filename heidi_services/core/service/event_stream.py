"""The log as it grows, to any number of listeners with one LISTEN for the process.

The relay says when facts got their places. One thread reads them once and keeps the latest in memory for all streams; a
stream that is behind what is in memory reads the log itself. A stream never holds a connection while it waits.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from flask import Flask
from sqlalchemy import func
from sqlalchemy import select as sql_select

from heidi_common.database.transactions import reading
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import POSITIONED, OutboxEvent
from heidi_services.core.serializers import event_json

log = logging.getLogger(__name__)
_IN_MEMORY = 2000
_PAGE = 500
_LOOK_ANYWAY_SECONDS = 5.0
_IDLE_SECONDS = 30.0


@dataclass(frozen=True)
class Entry:
    """A fact of the log, ready to be written to a stream."""

    position: int
    type: str
    subject: str
    json: str


class Tail:
    """The end of the log. `after` waits for what comes after a position."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._changed = threading.Condition()
        self._latest: deque[Entry] = deque(maxlen=_IN_MEMORY)
        self._start: int | None = None  # everything after this position, up to the newest, is in memory
        self._newest = 0
        self._thread: threading.Thread | None = None
        self._asked_at = 0.0

    def newest(self) -> int:
        """Where a stream begins that does not say where."""
        self._run()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None, timeout=_LOOK_ANYWAY_SECONDS)
            if self._start is not None:
                return self._newest
        return self._read_newest()

    def after(self, position: int, timeout: float) -> Sequence[Entry]:
        """The next entries, at once when there are any, else after up to `timeout` seconds; then maybe none."""
        self._run()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None and self._newest > position, timeout)
            if self._start is not None and position >= self._start:
                return [entry for entry in self._latest if entry.position > position]
        return self._read(position)

    def _run(self) -> None:
        with self._changed:
            self._asked_at = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, daemon=True, name="event log")
                self._thread.start()

    def _follow(self) -> None:
        """Listen, read what is new, tell the streams, until nobody has asked for a while. An outage is waited out."""
        failures = 0
        while not self._may_end():
            try:
                with _Bell(self._database_url()) as bell:
                    while not self._is_idle():
                        self._catch_up()
                        failures = 0
                        bell.wait(_LOOK_ANYWAY_SECONDS)
            except Exception as error:
                failures += 1
                if failures == 1:
                    log.warning("the event log cannot be followed", extra={"error": repr(error)[:200]})
                time.sleep(1.0)

    def _is_idle(self) -> bool:
        return time.monotonic() - self._asked_at > _IDLE_SECONDS

    def _may_end(self) -> bool:
        """Nobody has asked: forget what is in memory, and let the next question begin anew."""
        with self._changed:
            if not self._is_idle():
                return False
            self._thread, self._start = None, None
            self._latest.clear()
            return True

    def _catch_up(self) -> None:
        if self._start is None:
            newest = self._read_newest()
            with self._changed:
                self._start = self._newest = newest
                self._changed.notify_all()
        while found := self._read(self._newest):
            with self._changed:
                self._add(found)
                self._changed.notify_all()

    def _add(self, found: Sequence[Entry]) -> None:
        for entry in found:
            if len(self._latest) == _IN_MEMORY:
                self._start = self._latest[0].position
            self._latest.append(entry)
        self._newest = found[-1].position

    def _read(self, position: int) -> list[Entry]:
        statement = (
            sql_select(OutboxEvent.__table__)
            .where(OutboxEvent.position > position)
            .order_by(OutboxEvent.position)
            .limit(_PAGE)
        )
        with self._app.app_context(), reading() as connection:
            return [_entry(row) for row in connection.execute(statement).mappings()]

    def _read_newest(self) -> int:
        with self._app.app_context(), reading() as connection:
            return connection.scalar(sql_select(func.max(OutboxEvent.position))) or 0

    def _database_url(self) -> str:
        url: str = self._app.extensions["heidi"].settings.database_url
        return url.replace("postgresql+psycopg2://", "postgresql://")


def entries(
    tail: Tail, position: int, still_welcome: Callable[[], bool], wanted: Callable[[Entry], bool]
) -> Iterator[Entry | None]:
    """What is wanted of the log after `position`; None about every second without anything. Ends when the listener
    is no longer welcome."""
    while still_welcome():
        found = tail.after(position, timeout=1.0)
        if not found:
            yield None
        for entry in found:
            position = entry.position
            if wanted(entry):
                yield entry


def wants(type: str | None, subject: str | None) -> Callable[[Entry], bool]:
    def wanted(entry: Entry) -> bool:
        return (type is None or matches(type, entry.type)) and (subject is None or entry.subject == subject)

    return wanted


def _entry(row: Any) -> Entry:
    return Entry(row["position"], row["type"], row["subject"], event_json(row))


class _Bell:
    """LISTEN on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url, connect_timeout=5, application_name="event log")
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {POSITIONED}")

    def wait(self, seconds: float) -> None:
        if select.select([self._connection], [], [], seconds)[0]:
            self._connection.poll()
            self._connection.notifies.clear()

    def __enter__(self) -> _Bell:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
