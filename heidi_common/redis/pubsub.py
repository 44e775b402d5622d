"""Redis publish/subscribe on one connection."""

import json
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import redis
from redis.client import PubSub


class PubSubMessage(NamedTuple):
    """A JSON message that was published on a channel."""

    channel: str
    data: Any


def listen(client: redis.Redis, channels: Sequence[str], idle: float) -> Generator[PubSubMessage | None, None, None]:
    """Subscribe to channels and yield their messages until the connection fails.

    Args:
        client: The subscription takes a connection from its pool.
        channels: The names of the channels.
        idle: Seconds without a message after which None is yielded.

    Returns:
        The messages. None means that the subscription is (again) active, or that `idle` seconds have passed.

    Raises:
        redis.RedisError: The connection failed and could not be opened again.
    """
    with closing(PubSub(client.connection_pool)) as pubsub:
        pubsub.subscribe(*channels)
        for _ in channels:
            pubsub.get_message(timeout=idle)
        yield None
        while True:
            message = pubsub.get_message(timeout=idle)
            # A confirmed subscription here means that redis-py has opened a lost connection again by itself.
            if message is None or message["type"] == "subscribe":
                yield None
            elif message["type"] == "message":
                yield PubSubMessage(message["channel"].decode(), json.loads(message["data"]))
