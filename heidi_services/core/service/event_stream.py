"""The event log as it grows, for any number of streams, with one LISTEN connection per process.

The relay notifies when events have got their positions. One thread reads them once and keeps the latest in memory for
all streams; a stream that is behind what is in memory reads the log itself. A stream never holds a connection while it
waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from sqlalchemy import func
from sqlalchemy import select as sql_select

from heidi_common.config.settings import Settings
from heidi_common.database.listener import NotifyListener
from heidi_common.database.transactions import reading
from heidi_common.messaging.events import matches
from heidi_common.messaging.outbox import POSITIONED_CHANNEL, OutboxEvent
from heidi_services.core.serializers import event_json

_IN_MEMORY = 2000
_PAGE = 500
_POLL_SECONDS = 5.0
_IDLE_SECONDS = 30.0


@dataclass(frozen=True)
class Entry:
    """An event of the log, ready to be written to a stream."""

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
        """The position at which a stream without `Last-Event-ID` begins."""
        self._run()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None, timeout=_POLL_SECONDS)
            if self._start is not None:
                return self._newest
        return self._read_newest()

    def after(self, position: int, timeout: float) -> Sequence[Entry]:
        """The next entries: immediately if there are any, else after up to `timeout` seconds, possibly none."""
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
        """Read new events whenever the relay has placed some, until no stream has asked for a while."""
        settings: Settings = self._app.extensions["heidi"].settings
        listener = NotifyListener(settings.database_url, POSITIONED_CHANNEL, name="event log")
        listener.run(lambda _: self._catch_up(), timeout=_POLL_SECONDS, until=self._may_end, max_pause=1.0)

    def _is_idle(self) -> bool:
        return time.monotonic() - self._asked_at > _IDLE_SECONDS

    def _may_end(self) -> bool:
        """End if no stream has asked for a while: clear the memory; the next stream starts another thread."""
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
        while new_entries := self._read(self._newest):
            with self._changed:
                self._add(new_entries)
                self._changed.notify_all()

    def _add(self, new_entries: Sequence[Entry]) -> None:
        for entry in new_entries:
            if len(self._latest) == _IN_MEMORY:
                self._start = self._latest[0].position
            self._latest.append(entry)
        self._newest = new_entries[-1].position

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


def current_tail() -> Tail:
    """The tail of this process, created on first use, after any fork."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    tail: Tail = app.extensions.setdefault("heidi_event_tail", Tail(app))
    return tail


def entries(tail: Tail, position: int, wanted: Callable[[Entry], bool]) -> Iterator[Entry | None]:
    """The wanted entries of the log after `position`, without end; None about every second without one."""
    while True:
        batch = tail.after(position, timeout=1.0)
        selected = [entry for entry in batch if wanted(entry)]
        position = batch[-1].position if batch else position
        if selected:
            yield from selected
        else:
            yield None


def wants(type: str | None, subject: str | None) -> Callable[[Entry], bool]:
    def wanted(entry: Entry) -> bool:
        return (type is None or matches(type, entry.type)) and (subject is None or entry.subject == subject)

    return wanted


def _entry(row: Any) -> Entry:
    return Entry(row["position"], row["type"], row["subject"], event_json(row))
