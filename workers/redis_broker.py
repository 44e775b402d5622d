"""The Redis broker with consumers that wait for messages instead of polling.

Dramatiq's consumers poll with growing pauses of up to a second: an idle platform is never quite idle, and the first
message after a pause waits. Here each message is announced on a pub/sub channel. An announcement can be lost, so the
consumers also poll, rarely while the subscription stands.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import redis
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed

from workers.consumption import BoundedConsumption

log = logging.getLogger(__name__)
SUBSCRIBED_POLL_SECONDS = 2.0
"""Less than half of the heartbeat timeout: fetching is also what tells other workers that this one is alive."""
UNSUBSCRIBED_POLL_SECONDS = 0.5
RECONNECT_SECONDS = 0.5
RECEIVE_SECONDS = 5.0


class WakingRedisBroker(BoundedConsumption, RedisBroker):
    """A broker on Redis or Valkey. Its options are those of Dramatiq's `RedisBroker`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.announcements = Announcements(self.client, channel=f"{self.namespace}:announcements")

    @property
    def consumer_class(self) -> type[_RedisConsumer]:
        return WaitingConsumer

    def do_enqueue(self, queue_name: str, *message: Any) -> None:
        self._dispatch("enqueue")(queue_name, *message)  # type: ignore[no-untyped-call]
        self.announcements.publish(queue_name)

    def do_requeue(self, queue_name: str, *message_ids: str) -> None:
        self._dispatch("requeue")(queue_name, *message_ids)  # type: ignore[no-untyped-call]
        self.announcements.publish(queue_name)

    def close(self) -> None:
        self.announcements.close()
        super().close()


class Announcements:
    """Announces messages and receives announcements, on one connection and thread for all queues of a process.

    Args:
        client: Publishes, and provides the connection of the subscription.
        channel: The pub/sub channel; the payload is the name of a queue.
    """

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._client, self._channel = client, channel
        self._wake_ups: dict[str, threading.Event] = {}
        self._subscribed = self._closed = False
        self._lock = threading.Lock()

    def publish(self, queue_name: str) -> None:
        self._client.publish(self._channel, queue_name)

    def wake_up_of(self, queue_name: str) -> threading.Event:
        """The event that is set when a message may be in the queue. The first call starts the subscription."""
        with self._lock:
            if not self._wake_ups:
                threading.Thread(target=self._run, name="announcements", daemon=True).start()
            return self._wake_ups.setdefault(queue_name, threading.Event())

    @property
    def poll_seconds(self) -> float:
        """How long a consumer may rely on announcements before it looks for messages itself."""
        return SUBSCRIBED_POLL_SECONDS if self._subscribed else UNSUBSCRIBED_POLL_SECONDS

    def close(self) -> None:
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            try:
                self._receive()
            except Exception as error:
                if self._subscribed:
                    log.warning(
                        "announcements of messages are unavailable; polling instead", extra={"error": repr(error)[:300]}
                    )
                self._subscribed = False
                time.sleep(RECONNECT_SECONDS)

    def _receive(self) -> None:
        with self._client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(self._channel)
            while not self._closed:
                message = subscription.get_message(timeout=RECEIVE_SECONDS)
                if message is not None:
                    self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            wake_up = self._wake_ups.get(message["data"].decode())
            if wake_up is not None:
                wake_up.set()
        elif message["type"] == "subscribe":  # also after redis-py has connected again: announcements were missed
            self._subscribed = True
            for wake_up in list(self._wake_ups.values()):
                wake_up.set()


class WaitingConsumer(_RedisConsumer):
    """Fetches messages when one was announced, when an acknowledgement has made room, and at each poll."""

    broker: WakingRedisBroker

    def __init__(self, broker: WakingRedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        self._wake_up = broker.announcements.wake_up_of(queue_name)
        self._wake_up.set()
        self._fetched_at = 0.0
        self._drained = self._lacks_room = False

    def __next__(self) -> MessageProxy | None:
        if not self.message_cache and self._is_time_to_fetch():
            self._fetch()
        if self.message_cache:
            return super().__next__()  # type: ignore[no-untyped-call, no-any-return]
        # Returning regularly lets the thread notice that it is to stop.
        self._wake_up.wait(min(self.broker.announcements.poll_seconds, self.timeout / 1000))
        return None

    def ack(self, message: MessageProxy) -> None:
        super().ack(message)  # type: ignore[no-untyped-call]
        self._note_room()

    def nack(self, message: MessageProxy) -> None:
        super().nack(message)  # type: ignore[no-untyped-call]
        self._note_room()

    def _is_time_to_fetch(self) -> bool:
        """Whether there may be messages. When a fetch has emptied the queue, only a wake-up or a poll is a reason."""
        since = time.monotonic() - self._fetched_at
        return not self._drained or self._wake_up.is_set() or since >= self.broker.announcements.poll_seconds

    def _fetch(self) -> None:
        # An announcement or acknowledgement from here on sets the event again: the next wait returns immediately.
        self._wake_up.clear()
        self._lacks_room = True
        room = self.prefetch - self.outstanding_message_count
        if room <= 0:
            return
        self._lacks_room = False
        self._fetched_at = time.monotonic()
        try:
            self.message_cache = self.broker.do_fetch(self.queue_name, room)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        self._drained = len(self.message_cache) < room

    def _note_room(self) -> None:
        if self._lacks_room:
            self._wake_up.set()
