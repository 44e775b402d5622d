"""Publishing with confirms: when a call returns without an error, the broker has stored the messages on disk."""

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import pika
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel

from heidi_common.rabbitmq.connection import CONNECTION_ERRORS, EVENTS, connect, declare_exchanges

_CONFIRM_SECONDS = 10.0


class NotConfirmed(Exception):
    """The broker rejected a message, or did not confirm it within 10 s."""


class OutgoingMessage(NamedTuple):
    """A message to publish.

    Attributes:
        routing_key: For events, the event type.
        body: A JSON object, or bytes that are sent unchanged.
        headers: The message's headers.
        message_id: Lets consumers recognize a message that is delivered twice.
        content_type: The media type of `body`.
    """

    routing_key: str
    body: Mapping[str, Any] | bytes
    headers: Mapping[str, Any] | None = None
    message_id: str | None = None
    content_type: str = "application/json"


class Publisher:
    """Publishes messages over one connection, which is opened at first use and opened again when it breaks.

    Safe for threads; one thread publishes at a time. Delivery is at least once: if the connection breaks before the
    broker has confirmed a message, the message is sent again.

    Args:
        url: The AMQP URL of the broker.
        exchange: The exchange to publish to.
        give_up_after: Seconds without a connection after which publishing raises the last error.
    """

    def __init__(self, url: str, *, exchange: str = EVENTS, give_up_after: float = 10.0) -> None:
        self._url = url
        self._exchange = exchange
        self._give_up_after = give_up_after
        self._lock = threading.Lock()
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._pending: dict[int, int] = {}
        self._rejected: list[int] = []
        self._last_tag = 0

    def publish(
        self, routing_key: str, body: Mapping[str, Any] | bytes, headers: Mapping[str, Any] | None = None
    ) -> None:
        """Publish one message and wait for its confirm. Arguments as in `OutgoingMessage`.

        Raises:
            NotConfirmed: The broker rejected the message or did not confirm it in time.
            AMQPError, OSError: There was no connection for `give_up_after` seconds.
        """
        self.publish_many([OutgoingMessage(routing_key, body, headers)])

    def publish_many(self, messages: Iterable[OutgoingMessage]) -> None:
        """Publish messages in their order, then wait for all confirms together.

        Raises:
            NotConfirmed: The broker rejected a message or did not confirm it in time. The others may be stored.
            AMQPError, OSError: There was no connection for `give_up_after` seconds.
        """
        with self._lock:
            unconfirmed = dict(enumerate(messages))
            deadline = time.monotonic() + self._give_up_after
            while unconfirmed:
                try:
                    self._send(unconfirmed)
                except CONNECTION_ERRORS:
                    self._disconnect()
                    if time.monotonic() > deadline:
                        raise

    def keep_alive(self) -> None:
        """Process heartbeats. A process that rarely publishes must call this more often than every 30 s."""
        with self._lock:
            if self._connection is not None:
                try:
                    self._connection.process_data_events(0)
                except CONNECTION_ERRORS:
                    self._disconnect()

    def close(self) -> None:
        """Close the connection. The next message opens a new one."""
        with self._lock:
            self._disconnect()

    def _send(self, unconfirmed: dict[int, OutgoingMessage]) -> None:
        """Publish the messages and remove those that the broker confirms from `unconfirmed`."""
        channel = self._open_channel()
        for index, message in unconfirmed.items():
            self._last_tag += 1
            self._pending[self._last_tag] = index
            channel.basic_publish(self._exchange, message.routing_key, _encode(message.body), _properties(message))
        published = set(unconfirmed)
        try:
            self._wait_for_confirms(channel)
        finally:
            for index in published - set(self._pending.values()) - set(self._rejected):
                unconfirmed.pop(index, None)

    def _wait_for_confirms(self, channel: BlockingChannel) -> None:
        assert self._connection is not None
        deadline = time.monotonic() + _CONFIRM_SECONDS
        timer = self._connection.call_later(_CONFIRM_SECONDS, lambda: None)
        # Private API of pika 1.4: BlockingChannel waits in the same way for the confirm of its single message.
        channel._flush_output(lambda: not self._pending or time.monotonic() >= deadline)
        self._connection.remove_timeout(timer)
        if self._pending or self._rejected:
            self._disconnect()
            raise NotConfirmed("the broker did not confirm every message")

    def _open_channel(self) -> BlockingChannel:
        self._pending, self._rejected = {}, []
        if self._channel is None or not self._channel.is_open:
            self._disconnect()
            self._connection = connect(self._url, "heidi publisher", give_up_after=self._give_up_after)
            self._channel = self._connection.channel()
            declare_exchanges(self._channel)
            # BlockingChannel.confirm_delivery waits for each single message, which allows about 1,000 per second.
            # The channel that it wraps (private API of pika 1.4) calls back for all confirms instead.
            self._channel._impl.confirm_delivery(self._on_confirm, lambda _frame: None)
            self._last_tag = 0
        return self._channel

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = [t for t in self._pending if t <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            index = self._pending.pop(tag, None)
            if index is not None and isinstance(method, spec.Basic.Nack):
                self._rejected.append(index)

    def _disconnect(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            with contextlib.suppress(*CONNECTION_ERRORS):
                connection.close()


def _encode(body: Mapping[str, Any] | bytes) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def _properties(message: OutgoingMessage) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=message.content_type,
        delivery_mode=pika.DeliveryMode.Persistent.value,
        headers=dict(message.headers) if message.headers else None,
        message_id=message.message_id,
        timestamp=int(time.time()),
    )
