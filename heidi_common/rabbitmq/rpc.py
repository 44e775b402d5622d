"""Request and response over RabbitMQ, with direct reply-to (no queue for each response)."""

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
    """There was no response in time. The request may still be carried out."""


class NoServer(Exception):
    """No process currently serves this routing key."""


class RequestFailed(Exception):
    """The handler failed.

    Attributes:
        code: The `code` of the problem that the handler raised, or `internal_error`.
        detail: What went wrong, for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def request(url: str, routing_key: str, payload: Any, timeout: float = 5.0) -> Any:
    """Send a request to a process that serves `routing_key`, and wait for its response.

    Args:
        url: The AMQP URL of the broker.
        routing_key: Names the handler.
        payload: Any JSON value.
        timeout: The longest time to wait, in seconds. A request that no process has taken by then is discarded.

    Returns:
        The JSON value that the handler has returned.

    Raises:
        NoServer: No process serves the routing key.
        RequestFailed: The handler failed.
        RequestTimedOut: There was no response in time.
        AMQPError, OSError: The broker is unreachable.
    """
    deadline = time.monotonic() + timeout
    responses: list[bytes] = []
    correlation_id = uuid.uuid4().hex

    def on_response(
        _channel: BlockingChannel, _deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        if properties.correlation_id == correlation_id:
            responses.append(body)

    with connect(url, "heidi requester", give_up_after=timeout) as connection:
        channel = connection.channel()
        declare_exchanges(channel)
        channel.confirm_delivery()
        channel.basic_consume(_REPLY_TO, on_response, auto_ack=True)
        _send_request(channel, routing_key, payload, correlation_id, deadline)
        while not responses and (remaining := deadline - time.monotonic()) > 0:
            connection.process_data_events(remaining)
    if not responses:
        raise RequestTimedOut(f"{routing_key} did not respond within {timeout} s")
    return _result(orjson.loads(responses[0]))


def serve(
    url: str,
    routing_key: str,
    handler: Callable[[Any], Any],
    *,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> None:
    """Respond to the requests for `routing_key`. Returns only after `stop` is set.

    Several processes may serve one key: the broker gives each request to one of them.

    Args:
        url: The AMQP URL of the broker.
        routing_key: The key of the requests to serve.
        handler: Called with the JSON payload; returns the JSON result. The requester receives the code of a `Problem`
            that it raises, and `internal_error` for any other exception.
        stop: Ends the loop when it is set.
        ready: Set while requests are being consumed.
    """

    def declare_queue(channel: BlockingChannel) -> str:
        name = f"{REQUESTS}.{routing_key}"
        # The broker deletes it with its last server, so that a requester gets NoServer without waiting.
        channel.queue_declare(name, durable=True, auto_delete=True)
        channel.queue_bind(name, REQUESTS, routing_key)
        return name

    def receive(
        channel: BlockingChannel, deliver: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        with bound_request_id((properties.headers or {}).get("requestid")):
            response = _call_handler(handler, body)
        reply = pika.BasicProperties(correlation_id=properties.correlation_id, content_type="application/json")
        if properties.reply_to:
            channel.basic_publish("", properties.reply_to, orjson.dumps(response), reply)
        channel.basic_ack(deliver.delivery_tag)

    # A prefetch of 1 keeps waiting requests in the broker, which discards them when they expire.
    consume(url, "heidi server", declare_queue, receive, prefetch=1, stop=stop, ready=ready)


def _send_request(
    channel: BlockingChannel, routing_key: str, payload: Any, correlation_id: str, deadline: float
) -> None:
    properties = pika.BasicProperties(
        reply_to=_REPLY_TO,
        correlation_id=correlation_id,
        content_type="application/json",
        headers={"requestid": request_id()},
        # After this time the requester no longer waits, so the request must not be carried out.
        expiration=str(max(1, int((deadline - time.monotonic()) * 1000))),
    )
    try:
        channel.basic_publish(REQUESTS, routing_key, orjson.dumps(payload), properties, mandatory=True)
    except UnroutableError:
        raise NoServer(f"no process serves {routing_key}") from None


def _call_handler(handler: Callable[[Any], Any], body: bytes) -> dict[str, Any]:
    try:
        return {"result": handler(orjson.loads(body))}
    except Problem as problem:
        return {"error": {"code": problem.code, "detail": str(problem)}}
    except Exception:
        log.exception("request handler failed")
        return {"error": {"code": "internal_error", "detail": "the request handler failed"}}


def _result(response: dict[str, Any]) -> Any:
    if "error" in response:
        raise RequestFailed(response["error"]["code"], response["error"]["detail"])
    return response["result"]
