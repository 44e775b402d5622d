"""Connections to RabbitMQ with heartbeats and time limits, retried with back-off and jitter."""

import logging
import threading

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.stop import stop_base

log = logging.getLogger(__name__)

EVENTS = "heidi.events"
"""The topic exchange of events. Routing keys are event types."""
REQUESTS = "heidi.requests"
"""The direct exchange of requests that expect a response."""
CONNECTION_ERRORS = (AMQPError, OSError)
"""What a broken, refused or closed connection raises. pika does not wrap the errors of sockets."""

_HEARTBEAT_SECONDS = 30
_SOCKET_SECONDS = 5


def connect(
    url: str, name: str, *, stop: threading.Event | None = None, give_up_after: float | None = None
) -> pika.BlockingConnection:
    """Connect to RabbitMQ. Failed attempts are repeated with growing pauses of up to 10 s.

    Args:
        url: The AMQP URL of the broker.
        name: The name of the connection in the broker's management interface.
        stop: When it is set, no further attempt is made.
        give_up_after: Seconds after which no further attempt is made; None for no limit.

    Returns:
        The open connection.

    Raises:
        AMQPError, OSError: The error of the last attempt.
    """
    stop = stop or threading.Event()
    stop_conditions: list[stop_base] = [stop_when_event_set(stop)]
    if give_up_after is not None:
        stop_conditions.append(stop_after_delay(give_up_after))
    retrying = Retrying(
        retry=retry_if_exception_type(CONNECTION_ERRORS),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        stop=stop_any(*stop_conditions),
        sleep=sleep_using_event(stop),
        before_sleep=_log_attempt,
        reraise=True,
    )
    return retrying(pika.BlockingConnection, _parameters(url, name))


def declare_exchanges(channel: BlockingChannel) -> None:
    """Create the exchanges EVENTS and REQUESTS unless they exist."""
    channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
    channel.exchange_declare(REQUESTS, exchange_type="direct", durable=True)


def _parameters(url: str, name: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = _HEARTBEAT_SECONDS
    parameters.socket_timeout = _SOCKET_SECONDS
    parameters.stack_timeout = 2 * _SOCKET_SECONDS
    parameters.blocked_connection_timeout = 2 * _SOCKET_SECONDS
    parameters.client_properties = {"connection_name": name}
    return parameters


def _log_attempt(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "rabbitmq is unavailable, connecting again",
        extra={"attempt": state.attempt_number, "error": type(error).__name__},
    )
