"""Connections to Redis, with short time-outs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from heidi_common.config.settings import Settings
from heidi_common.runtime import per_app


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
    return redis.Redis.from_url(
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
