"""Publishing with confirms: what returns without an error is on the broker's disk."""

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import pika
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel

from heidi_common.rabbitmq.connection import BROKEN, EVENTS, connect, declare_exchanges

_CONFIRM_SECONDS = 10.0


class NotConfirmed(Exception):
    """The broker refused the message or did not confirm it in time."""


class OutgoingMessage(NamedTuple):
    routing_key: str
    body: Mapping[str, Any] | bytes
    headers: Mapping[str, Any] | None = None
    message_id: str | None = None
    content_type: str = "application/json"


class Publisher:
    """Keeps one connection and makes it again when it breaks. Threads take turns.

    A message whose confirm was lost with the connection is sent again: at least once,
    never not at all. After ``give_up_after`` seconds without a broker the last error is
    raised and the caller still has its rows.
    """

    def __init__(self, url: str, *, exchange: str = EVENTS, give_up_after: float = 10.0) -> None:
        self._url = url
        self._exchange = exchange
        self._give_up_after = give_up_after
        self._lock = threading.Lock()
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._pending: dict[int, int] = {}
        self._refused: list[int] = []
        self._last_tag = 0

    def publish(
        self, routing_key: str, body: Mapping[str, Any] | bytes, headers: Mapping[str, Any] | None = None
    ) -> None:
        """One message, confirmed."""
        self.publish_many([OutgoingMessage(routing_key, body, headers)])

    def publish_many(self, messages: Iterable[OutgoingMessage]) -> None:
        """All messages in order, then one wait for all confirms (not one for each)."""
        with self._lock:
            waiting = dict(enumerate(messages))
            deadline = time.monotonic() + self._give_up_after
            while waiting:
                try:
                    self._send(waiting)
                except BROKEN:
                    self._drop()
                    if time.monotonic() > deadline:
                        raise

    def keep_alive(self) -> None:
        """Answer heartbeats; to be called now and then by a process that rarely publishes."""
        with self._lock:
            if self._connection is not None:
                try:
                    self._connection.process_data_events(0)
                except BROKEN:
                    self._drop()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _send(self, waiting: dict[int, OutgoingMessage]) -> None:
        """Publish what waits; what is confirmed is taken out of ``waiting``."""
        channel = self._open()
        for index, message in waiting.items():
            self._last_tag += 1
            self._pending[self._last_tag] = index
            channel.basic_publish(self._exchange, message.routing_key, _encode(message.body), _properties(message))
        done = set(waiting)
        try:
            self._wait(channel)
        finally:
            for index in done - set(self._pending.values()) - set(self._refused):
                waiting.pop(index, None)

    def _wait(self, channel: BlockingChannel) -> None:
        assert self._connection is not None
        deadline = time.monotonic() + _CONFIRM_SECONDS
        wake = self._connection.call_later(_CONFIRM_SECONDS, lambda: None)
        # What BlockingChannel itself does to wait for the confirm of its single message.
        channel._flush_output(lambda: not self._pending or time.monotonic() >= deadline)
        self._connection.remove_timeout(wake)
        if self._pending or self._refused:
            self._drop()
            raise NotConfirmed("the broker did not confirm every message")

    def _open(self) -> BlockingChannel:
        self._pending, self._refused = {}, []
        if self._channel is None or not self._channel.is_open:
            self._drop()
            self._connection = connect(self._url, "heidi publisher", give_up_after=self._give_up_after)
            self._channel = self._connection.channel()
            declare_exchanges(self._channel)
            # BlockingChannel.confirm_delivery waits for each message by itself, a thousand
            # a second at most; the channel underneath tells us of all confirms instead.
            self._channel._impl.confirm_delivery(self._settled, lambda _frame: None)
            self._last_tag = 0
        return self._channel

    def _settled(self, frame: Any) -> None:
        method = frame.method
        tags = [t for t in self._pending if t <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            index = self._pending.pop(tag, None)
            if index is not None and isinstance(method, spec.Basic.Nack):
                self._refused.append(index)

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            with contextlib.suppress(*BROKEN):
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
