"""Request and response over RabbitMQ, by direct reply-to (no queue for each answer)."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import UnroutableError
from pika.spec import Basic

from heidi_common.logger.request_id import bound_request_id, request_id
from heidi_common.problems import Problem
from heidi_common.rabbitmq.connection import REQUESTS, connect, declare_exchanges
from heidi_common.rabbitmq.subscriber import consume

log = logging.getLogger(__name__)
_REPLY_TO = "amq.rabbitmq.reply-to"


class RequestTimedOut(TimeoutError):
    """No answer in time. The request may still be carried out."""


class NoServer(Exception):
    """No process serves this routing key now."""


class RequestFailed(Exception):
    """The other side carried the request out and it failed; ``code`` is its stable word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def request(url: str, routing_key: str, payload: Any, timeout: float = 5.0) -> Any:
    """Ask whoever serves ``routing_key`` and wait up to ``timeout`` seconds for the answer."""
    deadline = time.monotonic() + timeout
    answers: list[bytes] = []
    correlation_id = uuid.uuid4().hex

    def take(_channel: BlockingChannel, _deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes) -> None:
        if properties.correlation_id == correlation_id:
            answers.append(body)

    with connect(url, "heidi requester", give_up_after=timeout) as connection:
        channel = connection.channel()
        declare_exchanges(channel)
        channel.confirm_delivery()
        channel.basic_consume(_REPLY_TO, take, auto_ack=True)
        _request(channel, routing_key, payload, correlation_id, deadline)
        while not answers and (left := deadline - time.monotonic()) > 0:
            connection.process_data_events(left)
    if not answers:
        raise RequestTimedOut(f"{routing_key} gave no answer within {timeout} s")
    return _open(orjson.loads(answers[0]))


def serve(
    url: str,
    routing_key: str,
    handler: Callable[[Any], Any],
    *,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> None:
    """Answer requests for ``routing_key`` with what ``handler(payload)`` returns, until ``stop``.

    Several processes may serve one key: each request goes to one of them. A raised
    ``Problem`` reaches the requester with its code; any other error as ``internal_error``.
    """

    def set_up(channel: BlockingChannel) -> str:
        name = f"{REQUESTS}.{routing_key}"
        # Gone with its last server, so that a requester learns at once that nobody serves.
        channel.queue_declare(name, durable=True, auto_delete=True)
        channel.queue_bind(name, REQUESTS, routing_key)
        return name

    def receive(
        channel: BlockingChannel, deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        with bound_request_id((properties.headers or {}).get("requestid")):
            answer = _respond(handler, body)
        reply = pika.BasicProperties(correlation_id=properties.correlation_id, content_type="application/json")
        if properties.reply_to:
            channel.basic_publish("", properties.reply_to, orjson.dumps(answer), reply)
        channel.basic_ack(deliver.delivery_tag)

    # One at a time: what waits stays with the broker, which lets it expire when its requester has given up.
    consume(url, "heidi server", set_up, receive, prefetch=1, stop=stop, ready=ready)


def _request(channel: BlockingChannel, routing_key: str, payload: Any, correlation_id: str, deadline: float) -> None:
    properties = pika.BasicProperties(
        reply_to=_REPLY_TO,
        correlation_id=correlation_id,
        content_type="application/json",
        headers={"requestid": request_id()},
        # Nobody waits for it any longer after that: it must not be carried out then.
        expiration=str(max(1, int((deadline - time.monotonic()) * 1000))),
    )
    try:
        channel.basic_publish(REQUESTS, routing_key, orjson.dumps(payload), properties, mandatory=True)
    except UnroutableError:
        raise NoServer(f"nobody serves {routing_key}") from None


def _respond(handler: Callable[[Any], Any], body: bytes) -> dict[str, Any]:
    try:
        return {"result": handler(orjson.loads(body))}
    except Problem as problem:
        return {"error": {"code": problem.code, "detail": str(problem)}}
    except Exception:
        log.exception("a request could not be answered")
        return {"error": {"code": "internal_error", "detail": "the server failed"}}


def _open(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise RequestFailed(answer["error"]["code"], answer["error"]["detail"])
    return answer["result"]
