"""A cache in Redis. An unavailable Redis is a cache miss, never an error.

After a failure Redis is not used for a second, so that an unresponsive Redis costs one time-out per second and not one
per call.

Invalidation (`delete`) leaves a marker for two seconds. `get_or_load` only fills a key that does not exist, so that a
reader which loaded the old value before the invalidation cannot store it afterwards. If an invalidation is lost
because Redis is unavailable, the old value lives until its time to live ends.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeVar, cast

import orjson
import redis

from heidi_common.config.settings import Settings
from heidi_common.redis.client import mget, redis_client
from heidi_common.redis.pubsub import PubSubMessage, listen
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
T = TypeVar("T")

_MARKER = b""  # an empty value is not JSON, so it differs from every cached value
_MARKER_SECONDS = 2
_PAUSE_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0


class Cache:
    """Values, sets and messages under one prefix. Safe for threads.

    Args:
        client: The connection to Redis. Its time-out bounds each call.
        prefix: The first part of all keys and channels.
    """

    def __init__(self, client: redis.Redis, prefix: str = "heidi") -> None:
        self._redis = client
        self._prefix = prefix
        self._paused_until = 0.0
        self._log_muted_until = 0.0
        self._lock = threading.Lock()

    def attempt(self, command: Callable[[redis.Redis], T], fallback: T) -> T:
        """Run a command.

        Args:
            command: Called with the connection. Not called while Redis is paused after a failure.
            fallback: The result if Redis is unavailable.

        Returns:
            The result of the command, or `fallback`.
        """
        if not self._may_attempt():
            return fallback
        try:
            result = command(self._redis)
        except redis.RedisError as error:
            self._pause(error)
            return fallback
        self._paused_until = 0.0
        return result

    # Values

    def get_bytes(self, key: str) -> bytes | None:
        """The value of a key; None if it is not cached."""
        value = self.attempt(lambda r: cast(bytes | None, r.get(self.key(key))), None)
        return value or None

    def set_bytes(self, key: str, value: bytes, ttl: float, *, only_if_absent: bool = False) -> None:
        """Cache a value.

        Args:
            key: The key, without the prefix.
            value: The value, which must not be empty.
            ttl: The longest time to live, in seconds. Up to a tenth is subtracted at random, so that keys that were
                written together do not expire together.
            only_if_absent: Keep the value or the invalidation marker that the key has.
        """
        milliseconds = max(1, int(ttl * 1000 * random.uniform(0.9, 1.0)))  # nosec B311  # not a secret
        # As in `mget`: redis-py's `set` needs more time to check its options than the command needs.
        command = ("SET", self.key(key), value, "PX", milliseconds, *(("NX",) if only_if_absent else ()))
        self.attempt(lambda r: r.execute_command(*command), None)  # type: ignore[no-untyped-call]

    def get_json(self, key: str) -> Any | None:
        """The JSON value of a key; None if it is not cached."""
        value = self.get_bytes(key)
        return None if value is None else orjson.loads(value)

    def get_many(self, keys: Iterable[str]) -> list[Any | None]:
        """The JSON values of several keys, in their order and in one round trip; None for keys that are not cached."""
        names = [self.key(key) for key in keys]
        if not names:
            return []
        misses: list[bytes | None] = [None] * len(names)
        values = self.attempt(lambda r: mget(r, names), misses)
        return [orjson.loads(value) if value else None for value in values]

    def set_json(self, key: str, value: Any, ttl: float) -> None:
        """Cache a JSON value for at most `ttl` seconds, as `set_bytes` does."""
        self.set_bytes(key, orjson.dumps(value), ttl)

    def delete(self, *keys: str) -> None:
        """Invalidate keys. `get_or_load` does not cache values that were loaded before this call."""
        if keys:
            self.attempt(lambda r: self._write_markers(r, keys), None)

    def get_or_load(self, key: str, ttl: float, load: Callable[[], Any]) -> Any:
        """Return the cached value, or load and cache it.

        Args:
            key: The key, without the prefix.
            ttl: The longest time to live, in seconds.
            load: Returns a JSON value, or None for a value that must not be cached.

        Returns:
            The value as JSON represents it, whether it was cached or loaded: tuples are lists.
        """
        cached = self.get_bytes(key)
        if cached is not None:
            return orjson.loads(cached)
        value = load()
        if value is None:
            return None
        encoded = orjson.dumps(value)
        self.set_bytes(key, encoded, ttl, only_if_absent=True)
        return orjson.loads(encoded)

    # Sets

    def add_members(self, key: str, *members: str, ttl: float | None = None) -> None:
        """Add members to a set, and let the set expire `ttl` seconds from now (None: keep its expiry)."""

        def add(client: redis.Redis) -> None:
            with client.pipeline(transaction=True) as pipe:
                pipe.sadd(self._set_key(key), *members)
                if ttl is not None:
                    pipe.pexpire(self._set_key(key), int(ttl * 1000))
                pipe.execute()

        self.attempt(add, None)

    def remove_members(self, key: str, *members: str) -> None:
        """Remove members from a set."""
        self.attempt(lambda r: r.srem(self._set_key(key), *members), None)

    def has_member(self, key: str, member: str) -> bool:
        """Whether a set has the member. False if Redis is unavailable."""
        return bool(self.attempt(lambda r: r.sismember(self._set_key(key), member), 0))

    def members(self, key: str) -> set[str]:
        """The members of a set. Empty if Redis is unavailable."""
        no_members: set[bytes] = set()
        members = self.attempt(lambda r: cast(set[bytes], r.smembers(self._set_key(key))), no_members)
        return {member.decode() for member in members}

    def delete_set(self, key: str) -> None:
        """Delete a set."""
        self.attempt(lambda r: r.delete(self._set_key(key)), None)

    # Messages

    def publish(self, channel: str, data: Any) -> None:
        """Send JSON to the current subscribers of a channel. It is not stored for later ones."""
        self.attempt(lambda r: r.publish(self.key(channel), orjson.dumps(data)), None)

    def subscribe(self, *channels: str, idle: float = 15.0) -> Iterator[PubSubMessage | None]:
        """Receive messages indefinitely. A lost connection is opened again.

        Args:
            channels: The channels, without the prefix.
            idle: Seconds without a message after which None is yielded.

        Returns:
            The messages. The first item is None and means that the subscription is active. Another None follows each
            reconnect, because messages may have been missed, and each period of `idle` seconds without a message.
        """
        names, pause = [self.key(channel) for channel in channels], 0.1
        while True:
            try:
                with closing(listen(self._redis, names, idle)) as messages:
                    for message in messages:
                        pause = 0.1
                        yield message and message._replace(channel=message.channel.removeprefix(self.key("")))
            except redis.RedisError as error:
                self._log_outage(error)
                time.sleep(pause)
                pause = min(pause * 2, 5.0)

    # Keys and outages

    def key(self, name: str) -> str:
        """The key in Redis, with the prefix."""
        return f"{self._prefix}:{name}"

    def _set_key(self, name: str) -> str:
        return f"{self._prefix}:set:{name}"

    def _write_markers(self, client: redis.Redis, keys: Iterable[str]) -> None:
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(self.key(key), _MARKER, ex=_MARKER_SECONDS)
            pipe.execute()

    def _may_attempt(self) -> bool:
        if not self._paused_until:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return False
            self._paused_until = now + _PAUSE_SECONDS  # this caller attempts it; the others stay paused
            return True

    def _pause(self, error: Exception) -> None:
        self._paused_until = time.monotonic() + _PAUSE_SECONDS
        self._log_outage(error)

    def _log_outage(self, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._log_muted_until:
            self._log_muted_until = now + _LOG_EVERY_SECONDS
            log.warning("redis is unavailable, continuing without it", extra={"error": str(error)})


@per_app
def redis_cache(settings: Settings) -> Cache:
    """The cache of the current app, which all processes of the platform share."""
    return Cache(redis_client(), "heidi")
