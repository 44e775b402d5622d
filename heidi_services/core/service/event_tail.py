"""The newest events of the log, kept in memory for all streams of this process, with one LISTEN connection.

The relay notifies when events have been given their positions. One thread reads them once and keeps them in memory; a
stream whose position is older than what is in memory reads the log itself. A stream never holds a database connection
while it waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from heidi_common.config.settings import Settings
from heidi_common.database.listener import NotifyListener
from heidi_common.database.transactions import reading
from heidi_common.interceptors.event_stream import StreamStart
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
    """The end of the event log."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._changed = threading.Condition()
        self._latest: deque[Entry] = deque(maxlen=_IN_MEMORY)
        self._start: int | None = None  # everything after this position, up to the newest, is in memory
        self._newest = 0
        self._thread: threading.Thread | None = None
        self._last_used_at = 0.0

    def newest(self) -> int:
        """Return the newest position, at which a stream without `Last-Event-ID` starts."""
        self._ensure_following()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None, timeout=_POLL_SECONDS)
            if self._start is not None:
                return self._newest
        return self._read_newest()

    def start_of(self, requested: int | None) -> StreamStart:
        """Find where a stream starts.

        Args:
            requested: The `Last-Event-ID`; None to start with the next event.
        """
        if requested is None:
            return StreamStart(self.newest())
        oldest, newest = self._read_range()
        if requested > newest:
            return StreamStart(newest, requested, "future")
        return StreamStart(requested) if requested >= oldest - 1 else StreamStart(requested, requested, "expired")

    def after(self, position: int, timeout: float) -> Sequence[Entry]:
        """Return the next entries after a position.

        Args:
            position: A position in the log.
            timeout: Seconds to wait for an entry if there is none yet.

        Returns:
            The entries in the order of the log; none if none was added in time.
        """
        self._ensure_following()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None and self._newest > position, timeout)
            if self._start is not None and position >= self._start:
                return [entry for entry in self._latest if entry.position > position]
        return self._read(position)

    def _ensure_following(self) -> None:
        with self._changed:
            self._last_used_at = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, daemon=True, name="event log")
                self._thread.start()

    def _follow(self) -> None:
        """Read new events whenever the relay has positioned some, until no stream has used the tail for a while."""
        settings: Settings = self._app.extensions["heidi"].settings
        listener = NotifyListener(settings.direct_database_url, POSITIONED_CHANNEL, name="event log")
        listener.run(lambda _: self._catch_up(), timeout=_POLL_SECONDS, until=self._end_if_idle, max_pause=1.0)

    def _is_idle(self) -> bool:
        return time.monotonic() - self._last_used_at > _IDLE_SECONDS

    def _end_if_idle(self) -> bool:
        """Clear the memory if no stream has used the tail for a while; the next stream starts another thread."""
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
            select(OutboxEvent.__table__)
            .where(OutboxEvent.position > position)
            .order_by(OutboxEvent.position)
            .limit(_PAGE)
        )
        with self._app.app_context(), reading() as connection:
            return [_entry(row) for row in connection.execute(statement).mappings()]

    def _read_range(self) -> tuple[int, int]:
        """The oldest and the newest position in the database: other processes may have read more than this one."""
        with self._app.app_context(), reading() as connection:
            oldest, newest = connection.execute(
                select(func.min(OutboxEvent.position), func.max(OutboxEvent.position))
            ).one()
            return oldest or 0, newest or 0

    def _read_newest(self) -> int:
        with self._app.app_context(), reading() as connection:
            return connection.scalar(select(func.max(OutboxEvent.position))) or 0


def _entry(row: Any) -> Entry:
    return Entry(row["position"], row["type"], row["subject"], event_json(row))
