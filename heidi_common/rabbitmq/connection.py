"""Connections that come back: heartbeat, time limits, back-off with jitter."""

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
REQUESTS = "heidi.requests"
#: What a broken, refused or closed connection raises. pika lets plain socket errors through.
BROKEN = (AMQPError, OSError)

_HEARTBEAT_SECONDS = 30
_SOCKET_SECONDS = 5


def connect(
    url: str, name: str, *, stop: threading.Event | None = None, give_up_after: float | None = None
) -> pika.BlockingConnection:
    """A connection, tried again with growing pauses until it stands, ``stop`` is set or
    ``give_up_after`` seconds are over; then the last error is raised."""
    stop = stop or threading.Event()
    ends: list[stop_base] = [stop_when_event_set(stop)]
    if give_up_after is not None:
        ends.append(stop_after_delay(give_up_after))
    retrying = Retrying(
        retry=retry_if_exception_type(BROKEN),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        stop=stop_any(*ends),
        sleep=sleep_using_event(stop),
        before_sleep=_log_state,
        reraise=True,
    )
    return retrying(pika.BlockingConnection, _parameters(url, name))


def declare_exchanges(channel: BlockingChannel) -> None:
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


def _log_state(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "rabbitmq is away, trying again",
        extra={"attempt": state.attempt_number, "error": type(error).__name__},
    )
