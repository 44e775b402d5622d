"""Consuming for as long as the process lives: a lost connection is made again."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic

from heidi_common.rabbitmq.connection import BROKEN, EVENTS, connect, declare_exchanges

log = logging.getLogger(__name__)

_PREFETCH = 16
_LOOK_FOR_STOP_SECONDS = 0.5
Receive = Callable[[BlockingChannel, Basic.Deliver, pika.BasicProperties, bytes], None]


class IncomingMessage(NamedTuple):
    routing_key: str
    body: Any
    headers: Mapping[str, Any]
    redelivered: bool


def subscribe(
    url: str,
    patterns: Sequence[str],
    handler: Callable[[IncomingMessage], object],
    queue: str | None = None,
    *,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> None:
    """Hand every fact that matches a pattern (``user.*``, ``#``) to ``handler``, until ``stop``.

    With a ``queue`` name messages wait while nobody listens; without one they are for this
    process and this moment only. A message is acknowledged after the handler returns; when
    it raises, the message comes once more and is then rejected (to the queue's dead-letter
    exchange, where it has one). The handler should take less than a minute: heartbeats
    wait for it. ``ready`` is set whenever the subscription stands.
    """

    def set_up(channel: BlockingChannel) -> str:
        name = _declare(channel, queue)
        for pattern in patterns:
            channel.queue_bind(name, EVENTS, pattern)
        return name

    def receive(
        channel: BlockingChannel, deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        message = _parse(deliver, properties, body)
        if message is None or not _handled(handler, message):
            again = message is not None and not message.redelivered
            channel.basic_nack(deliver.delivery_tag, requeue=again)
        else:
            channel.basic_ack(deliver.delivery_tag)

    consume(url, "heidi subscriber", set_up, receive, stop=stop, ready=ready)


def consume(
    url: str,
    name: str,
    set_up: Callable[[BlockingChannel], str],
    receive: Receive,
    *,
    prefetch: int = _PREFETCH,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> None:
    """Connect, declare, consume up to `prefetch` at a time; and all of it again when the connection breaks."""
    stop, ready = stop or threading.Event(), ready or threading.Event()
    while not stop.is_set():
        try:
            with connect(url, name, stop=stop) as connection:
                channel = connection.channel()
                declare_exchanges(channel)
                channel.basic_qos(prefetch_count=prefetch)
                channel.basic_consume(set_up(channel), receive)
                ready.set()
                while not stop.is_set():
                    connection.process_data_events(_LOOK_FOR_STOP_SECONDS)
        except BROKEN as error:
            ready.clear()
            log.warning("a subscription broke, making it again", extra={"error": repr(error)})
            stop.wait(0.5)


def _declare(channel: BlockingChannel, queue: str | None) -> str:
    if queue is None:
        return str(channel.queue_declare("", exclusive=True).method.queue)
    channel.queue_declare(queue, durable=True)
    return queue


def _parse(deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes) -> IncomingMessage | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        log.warning("a message that is no JSON was rejected", extra={"routing_key": deliver.routing_key})
        return None
    return IncomingMessage(deliver.routing_key, value, properties.headers or {}, bool(deliver.redelivered))


def _handled(handler: Callable[[IncomingMessage], object], message: IncomingMessage) -> bool:
    try:
        handler(message)
    except Exception:
        log.exception("a subscriber failed", extra={"routing_key": message.routing_key})
        return False
    return True
