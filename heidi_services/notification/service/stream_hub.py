"""All open streams of this process: one thread, one LISTEN connection; a stream holds no database connection."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

from heidi_common.database.listener import NotifyListener
from heidi_services.notification.service.stream import CHANNEL

BACKLOG = 1000
"""A reader that lets more than this pile up is let go; it comes back with its Last-Event-ID."""
PAGE = 200
LISTEN_SECONDS = 10.0
"""How long the thread goes on, at most, after the last reader has gone."""

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
        self._database_url = database_url
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
            remaining = [other for other in self._readers.get(reader.user_id, ()) if other is not reader]
            self._readers[reader.user_id] = remaining
            if not remaining:
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
        listener = NotifyListener(self._database_url, CHANNEL, name="notification-stream")
        listener.run(self._handle, timeout=LISTEN_SECONDS, until=self._has_ended)

    def _handle(self, payloads: Set[str] | None) -> None:
        """Refresh the users who were notified; after a (re)connect all of them, since notifications may be missing."""
        for user_id in self._users() if payloads is None else {UUID(payload) for payload in payloads}:
            self._refresh(user_id)

    def _has_ended(self) -> bool:
        """Without readers the thread ends; the next reader starts another thread."""
        with self._lock:
            if not self._readers:
                self._thread = None
            return not self._readers

    def _users(self) -> Collection[UUID]:
        with self._lock:
            return list(self._readers)
