"""Connections to Redis."""

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
    """A client whose calls end within ``timeout`` seconds, come what may.

    One immediate retry on a broken connection, because a restarted Redis leaves dead
    connections in the pool; none after a time-out.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def mget(client: redis.Redis, names: Iterable[str]) -> list[bytes | None]:
    """What stands under these names, in one round trip.

    The method of that name looks at its options for longer than the command takes.
    """
    return cast(list[bytes | None], client.execute_command("MGET", *names))  # type: ignore[no-untyped-call]


@per_app
def redis_client(settings: Settings) -> redis.Redis:
    """The current app's connections to Redis."""
    return connect(settings.redis_url)
