"""The open streams of a process share one thread and one LISTEN connection; a stream holds no database connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from heidi_common.database.listener import NotifyListener
from heidi_services.notification.service.stream import NOTIFY_CHANNEL

BACKLOG = 1000
"""A subscriber with more unread items is dropped. Its client reconnects with Last-Event-ID."""
PAGE = 200
LISTEN_SECONDS = 10.0
"""How long the thread runs at most after the last subscriber has gone."""


class StreamItem(NamedTuple):
    """A notification at its position in the stream; `data` is its JSON."""

    position: int
    data: str


Load = Callable[[UUID, int, int], Sequence[StreamItem]]
"""(user, position, limit) -> the items after that position."""


class Pending(Protocol):
    """Items that have not been written to a client yet, such as a queue. None ends the stream."""

    def put(self, item: StreamItem | None) -> object: ...

    def qsize(self) -> int: ...


@dataclass(eq=False)
class StreamSubscriber:
    """One open stream.

    Attributes:
        position: The position of the last item that was pushed.
        pending: Items that have not been written to the client yet.
        is_dropped: Whether the subscriber was too slow.
    """

    user_id: UUID
    position: int
    pending: Pending
    is_dropped: bool = False

    def push(self, items: Sequence[StreamItem]) -> None:
        """Queue the items after the subscriber's position, or drop it if its backlog is too long."""
        if self.pending.qsize() > BACKLOG:
            self.is_dropped = True
            self.pending.put(None)
            return
        for item in items:
            if item.position > self.position:
                self.pending.put(item)
                self.position = item.position


class StreamHub:
    """Distributes notifications to the subscribers of this process.

    It is thread-safe. Its own thread starts with the first subscriber, that is, after any fork.
    """

    def __init__(self, database_url: str, load: Load) -> None:
        self._database_url = database_url
        self._load = load
        self._subscribers: dict[UUID, list[StreamSubscriber]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self, user_id: UUID, position: int, pending: Pending) -> StreamSubscriber:
        """Subscribe to a user's items after `position`, including those that exist already.

        Args:
            user_id: The user.
            position: A position in the user's stream.
            pending: Receives the items, from any thread.
        """
        subscriber = StreamSubscriber(user_id, position, pending)
        self._add(subscriber)
        try:
            self._refresh(user_id)
        except BaseException:
            self.close(subscriber)
            raise
        return subscriber

    def close(self, subscriber: StreamSubscriber) -> None:
        with self._lock:
            others = [other for other in self._subscribers.get(subscriber.user_id, ()) if other is not subscriber]
            self._subscribers[subscriber.user_id] = others
            if not others:
                del self._subscribers[subscriber.user_id]

    def count(self, user_id: UUID) -> int:
        with self._lock:
            return len(self._subscribers.get(user_id, ()))

    def _add(self, subscriber: StreamSubscriber) -> None:
        with self._lock:
            self._subscribers.setdefault(subscriber.user_id, []).append(subscriber)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notification-stream", daemon=True)
                self._thread.start()

    def _refresh(self, user_id: UUID) -> None:
        """Push what the user's subscribers have not received.

        Two threads may do this at the same time, because a subscriber's position only increases.
        """
        more = True
        while more:
            subscribers = self._active_subscribers(user_id)
            if not subscribers:
                return
            items = self._load(user_id, min(subscriber.position for subscriber in subscribers), PAGE)
            with self._lock:
                for subscriber in subscribers:
                    subscriber.push(items)
            more = len(items) == PAGE

    def _active_subscribers(self, user_id: UUID) -> list[StreamSubscriber]:
        with self._lock:
            return [subscriber for subscriber in self._subscribers.get(user_id, ()) if not subscriber.is_dropped]

    def _run(self) -> None:
        listener = NotifyListener(self._database_url, NOTIFY_CHANNEL, name="notification-stream")
        listener.run(self._handle, timeout=LISTEN_SECONDS, until=self._has_ended)

    def _handle(self, payloads: Set[str] | None) -> None:
        """Refresh the users who were notified; after a (re)connect all of them, since notifications may be missing."""
        for user_id in self._users() if payloads is None else {UUID(payload) for payload in payloads}:
            self._refresh(user_id)

    def _has_ended(self) -> bool:
        """Without subscribers the thread ends; the next subscriber starts another thread."""
        with self._lock:
            if not self._subscribers:
                self._thread = None
            return not self._subscribers

    def _users(self) -> Collection[UUID]:
        with self._lock:
            return list(self._subscribers)
