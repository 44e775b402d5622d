"""All open streams of this process: one thread, one LISTEN; a stream holds no database connection."""

from __future__ import annotations

import logging
import queue
import select
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg2

from heidi_services.notification.service.stream import CHANNEL

log = logging.getLogger(__name__)
BACKLOG = 1000
"""A reader that lets more than this pile up is let go; it comes back with its Last-Event-ID."""
PAGE = 200

Place = tuple[int, str]
"""A stream id and the notification as JSON."""
Load = Callable[[UUID, int, int], Sequence[Place]]
"""(person, place, limit) -> what comes after that place."""


@dataclass(eq=False)
class Reader:
    """One open stream: how far it was given things, and what waits to be written. None in the queue: the end."""

    user_id: UUID
    place: int
    waiting: queue.SimpleQueue[Place | None] = field(default_factory=queue.SimpleQueue)
    is_let_go: bool = False

    def offer(self, places: Sequence[Place]) -> None:
        """What it has not been given yet; ends a reader that is too slow."""
        if self.waiting.qsize() > BACKLOG:
            self.is_let_go = True
            self.waiting.put(None)
            return
        for place in places:
            if place[0] > self.place:
                self.waiting.put(place)
                self.place = place[0]


class Hub:
    """Safe for threads; its own thread starts with the first reader, after any fork."""

    def __init__(self, database_url: str, load: Load) -> None:
        self._url = database_url.replace("postgresql+psycopg2://", "postgresql://")
        self._load = load
        self._readers: dict[UUID, list[Reader]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self, user_id: UUID, place: int) -> Reader:
        """A stream of what comes after `place`, beginning with what is there already."""
        reader = Reader(user_id, place)
        with self._lock:
            self._readers.setdefault(user_id, []).append(reader)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notification-stream", daemon=True)
                self._thread.start()
        try:
            self._refresh(user_id)
        except BaseException:
            self.close(reader)
            raise
        return reader

    def close(self, reader: Reader) -> None:
        with self._lock:
            mine = [other for other in self._readers.get(reader.user_id, ()) if other is not reader]
            self._readers[reader.user_id] = mine
            if not mine:
                del self._readers[reader.user_id]

    def count(self, user_id: UUID) -> int:
        with self._lock:
            return len(self._readers.get(user_id, ()))

    def _refresh(self, user_id: UUID) -> None:
        """Give the person's readers what they have not seen. Two threads at it at once do no harm: places only grow."""
        more = True
        while more:
            with self._lock:
                readers = [reader for reader in self._readers.get(user_id, ()) if not reader.is_let_go]
            if not readers:
                return
            places = self._load(user_id, min(reader.place for reader in readers), PAGE)
            with self._lock:
                for reader in readers:
                    reader.offer(places)
            more = len(places) == PAGE

    def _run(self) -> None:
        failures = 0
        while not self._retired():
            try:
                self._listen()
                failures = 0
            except Exception as error:  # one bad row must not silence every stream
                failures += 1
                if failures == 1:
                    log.warning("stream listener lost the database", extra={"error": repr(error)[:300]})
                time.sleep(min(failures, 10) * 0.5)

    def _listen(self) -> None:
        """Until nobody reads any more."""
        connection = psycopg2.connect(self._url, connect_timeout=5, application_name="notification-stream")
        try:
            connection.autocommit = True
            connection.cursor().execute(f"LISTEN {CHANNEL}")
            self._wake(self._everybody())  # what came while nobody listened
            while self._everybody():
                self._wake(_rung(connection))
        finally:
            connection.close()

    def _retired(self) -> bool:
        """Without readers the thread ends; the next reader starts another."""
        with self._lock:
            if not self._readers:
                self._thread = None
            return not self._readers

    def _everybody(self) -> Collection[UUID]:
        with self._lock:
            return list(self._readers)

    def _wake(self, people: Collection[UUID]) -> None:
        for user_id in people:
            self._refresh(user_id)


def _rung(connection: Any) -> set[UUID]:
    """Whose streams have something new; nobody's after ten quiet seconds, which also shows whether the server lives."""
    if not select.select([connection], [], [], 10.0)[0]:
        connection.cursor().execute("SELECT 1")
    connection.poll()
    people = {UUID(notice.payload) for notice in connection.notifies}
    connection.notifies.clear()
    return people
