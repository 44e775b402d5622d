"""Connections to Redis, with short time-outs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app


class DirectClient(redis.Redis):
    """redis-py's client with a shorter way from a command to its response.

    redis-py's pool polls a connection before each command and records its own metrics, which takes longer than the
    command. Here single commands keep their own idle connections. Pipelines and subscriptions use the pool.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: deque[Any] = deque()  # its methods are atomic

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute a command. Repeat it once on a new connection if the one that was used turns out to be dead."""
        connection = self._take()
        try:
            connection.connect()  # does nothing if it is connected
            try:
                return self._exchange(connection, args, options)
            except redis.ConnectionError:
                connection.disconnect()
                return self._exchange(connection, args, options)
        except redis.ResponseError:
            raise
        except BaseException:
            connection.disconnect()  # a late response must not be taken for that of the next command
            raise
        finally:
            self._idle.append(connection)

    def _exchange(self, connection: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        connection.send_command(*args)
        return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]

    def _take(self) -> Any:
        """Take an idle connection of this process, or make one. Connections from before a fork belong to the parent."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.pid == os.getpid():
                return connection
        return self.connection_pool.connection_class(**self.connection_pool.connection_kwargs)

    def close(self) -> None:
        """Close all connections that are not in use."""
        for connection in tuple(self._idle):
            connection.disconnect()
        super().close()


def connect(url: str, timeout: float = 0.3) -> redis.Redis:
    """Create a client with a pool of connections. It connects at first use.

    A command on a broken connection is repeated once, because a restarted Redis leaves dead connections in the pool.
    After a time-out it is not repeated.

    Args:
        url: The URL of Redis, such as `redis://localhost:6379/0`.
        timeout: The longest time to connect, and to wait for a response, in seconds.

    Returns:
        The client. Its commands raise `redis.RedisError` if Redis is unavailable.
    """
    return DirectClient.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def mget(client: redis.Redis, names: Iterable[str]) -> list[bytes | None]:
    """Read the values of several keys in one round trip.

    redis-py's own `mget` needs more time to check its options than the command needs.

    Args:
        client: The client to use.
        names: The full keys.

    Returns:
        The values in the order of the keys; None for keys that do not exist.
    """
    return cast(list[bytes | None], client.execute_command("MGET", *names))  # type: ignore[no-untyped-call]


@per_app
def redis_client(settings: Settings) -> redis.Redis:
    """The client of the current app, with the settings' REDIS_URL."""
    return connect(settings.redis_url)
