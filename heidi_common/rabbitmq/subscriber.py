"""Consuming messages until the process stops. A lost connection is opened again."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic

from heidi_common.rabbitmq.connection import CONNECTION_ERRORS, EVENTS, connect, declare_exchanges

log = logging.getLogger(__name__)

_PREFETCH = 16
_STOP_CHECK_SECONDS = 0.5
Receive = Callable[[BlockingChannel, Basic.Deliver, pika.BasicProperties, bytes], None]


class IncomingMessage(NamedTuple):
    """A message that was received.

    Attributes:
        routing_key: For events, the event type.
        body: The JSON value of the body.
        headers: The message's headers.
        redelivered: Whether the broker has delivered the message before.
    """

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
    """Call `handler` for every event whose type matches a pattern. Returns only after `stop` is set.

    A message is acknowledged when the handler returns. If the handler raises, the message is delivered once more and
    then rejected: it goes to the dead-letter exchange of the queue, if the queue has one.

    Args:
        url: The AMQP URL of the broker.
        patterns: Patterns of the topic exchange, such as `user.*` or `#`.
        handler: Must return within a minute, because the connection's heartbeats wait for it.
        queue: The name of a durable queue, which keeps messages while no subscriber is connected. Without it, the
            messages that are published while this subscriber is not connected are lost.
        stop: Ends the subscription when it is set.
        ready: Set while the subscription is active.
    """

    def declare_queue(channel: BlockingChannel) -> str:
        name = _declare(channel, queue)
        for pattern in patterns:
            channel.queue_bind(name, EVENTS, pattern)
        return name

    def receive(
        channel: BlockingChannel, deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        message = _parse(deliver, properties, body)
        if message is None or not _call_handler(handler, message):
            requeue = message is not None and not message.redelivered
            channel.basic_nack(deliver.delivery_tag, requeue=requeue)
        else:
            channel.basic_ack(deliver.delivery_tag)

    consume(url, "heidi subscriber", declare_queue, receive, stop=stop, ready=ready)


def consume(
    url: str,
    name: str,
    declare_queue: Callable[[BlockingChannel], str],
    receive: Receive,
    *,
    prefetch: int = _PREFETCH,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> None:
    """Consume a queue until `stop` is set. If the connection breaks, connect and declare again.

    Args:
        url: The AMQP URL of the broker.
        name: The name of the connection.
        declare_queue: Declares and binds the queue on a channel and returns its name.
        receive: pika's callback for a message. It must acknowledge or reject the message.
        prefetch: The largest number of messages that are delivered but not acknowledged.
        stop: Ends the loop when it is set.
        ready: Set while messages are being consumed.
    """
    stop, ready = stop or threading.Event(), ready or threading.Event()
    while not stop.is_set():
        try:
            with connect(url, name, stop=stop) as connection:
                channel = connection.channel()
                declare_exchanges(channel)
                channel.basic_qos(prefetch_count=prefetch)
                channel.basic_consume(declare_queue(channel), receive)
                ready.set()
                while not stop.is_set():
                    connection.process_data_events(_STOP_CHECK_SECONDS)
        except CONNECTION_ERRORS as error:
            ready.clear()
            log.warning("connection of a consumer lost, connecting again", extra={"error": repr(error)})
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
        log.warning("message rejected because it is not JSON", extra={"routing_key": deliver.routing_key})
        return None
    return IncomingMessage(deliver.routing_key, value, properties.headers or {}, bool(deliver.redelivered))


def _call_handler(handler: Callable[[IncomingMessage], object], message: IncomingMessage) -> bool:
    try:
        handler(message)
    except Exception:
        log.exception("subscriber failed", extra={"routing_key": message.routing_key})
        return False
    return True
