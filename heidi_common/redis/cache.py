"""Redis as a cache: what it knows is a gift, what it does not know is loaded.

A Redis that is away is a miss, never an error, and after a failure it is left alone for
a second, so that a dead Redis costs one time-out a second and not one a request.

Invalidation (``delete``) leaves a marker for two seconds. A reader that loaded the old
value just before cannot store it after the invalidation: ``aside`` only fills a free key.
A lost invalidation (Redis away at that moment) is bounded by the time to live.
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar, cast

import orjson
import redis
from redis.client import PubSub

from heidi_common.config.settings import Settings
from heidi_common.redis.client import mget, redis_client
from heidi_common.runtime import per_app

log = logging.getLogger(__name__)
T = TypeVar("T")

_MARKER = b""  # no JSON text is empty
_MARKER_SECONDS = 2
_PAUSE_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0


class PubSubMessage(NamedTuple):
    channel: str
    data: Any


class Cache:
    """Keys of one application, all under one prefix, values as JSON."""

    def __init__(self, client: redis.Redis, prefix: str = "heidi") -> None:
        self._redis = client
        self._prefix = prefix
        self._paused_until = 0.0
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    def attempt(self, command: Callable[[redis.Redis], T], otherwise: T) -> T:
        """What the command returns, or ``otherwise`` when Redis is away."""
        if not self._may_try():
            return otherwise
        try:
            result = command(self._redis)
        except redis.RedisError as error:
            self._pause(error)
            return otherwise
        self._paused_until = 0.0
        return result

    # Values

    def get_bytes(self, key: str) -> bytes | None:
        value = self.attempt(lambda r: cast(bytes | None, r.get(self.key(key))), None)
        return value or None

    def set_bytes(self, key: str, value: bytes, ttl: float, *, only_if_absent: bool = False) -> None:
        """Store for at most ``ttl`` seconds; up to a tenth less, so that keys written
        together do not expire together."""
        milliseconds = max(1, int(ttl * 1000 * random.uniform(0.9, 1.0)))  # nosec B311  # guards no secret
        # As `mget`: the options of redis-py's `set` cost more to look at than the command costs to send.
        command = ("SET", self.key(key), value, "PX", milliseconds, *(("NX",) if only_if_absent else ()))
        self.attempt(lambda r: r.execute_command(*command), None)  # type: ignore[no-untyped-call]

    def get_json(self, key: str) -> Any | None:
        value = self.get_bytes(key)
        return None if value is None else orjson.loads(value)

    def get_many(self, keys: Iterable[str]) -> list[Any | None]:
        """One round trip for all keys, the answers in their order."""
        names = [self.key(key) for key in keys]
        if not names:
            return []
        nothing: list[bytes | None] = [None] * len(names)
        found = self.attempt(lambda r: mget(r, names), nothing)
        return [orjson.loads(value) if value else None for value in found]

    def set_json(self, key: str, value: Any, ttl: float) -> None:
        self.set_bytes(key, orjson.dumps(value), ttl)

    def delete(self, *keys: str) -> None:
        """Invalidate: what was loaded before this call will not be cached after it."""
        if keys:
            self.attempt(lambda r: self._mark(r, keys), None)

    def get_or_load(self, key: str, ttl: float, load: Callable[[], Any]) -> Any:
        """The cached value, or what ``load`` returns, cached. ``None`` is not cached.

        A hit and a miss give the same: the value as JSON knows it.
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

    def set_add(self, key: str, *members: str, ttl: float | None = None) -> None:
        def add(client: redis.Redis) -> None:
            with client.pipeline(transaction=True) as pipe:
                pipe.sadd(self._set_key(key), *members)
                if ttl is not None:
                    pipe.pexpire(self._set_key(key), int(ttl * 1000))
                pipe.execute()

        self.attempt(add, None)

    def set_remove(self, key: str, *members: str) -> None:
        self.attempt(lambda r: r.srem(self._set_key(key), *members), None)

    def set_contains(self, key: str, member: str) -> bool:
        return bool(self.attempt(lambda r: r.sismember(self._set_key(key), member), 0))

    def set_members(self, key: str) -> set[str]:
        nobody: set[bytes] = set()
        found = self.attempt(lambda r: cast(set[bytes], r.smembers(self._set_key(key))), nobody)
        return {member.decode() for member in found}

    def set_clear(self, key: str) -> None:
        self.attempt(lambda r: r.delete(self._set_key(key)), None)

    # Messages

    def publish(self, channel: str, data: Any) -> None:
        """Tell whoever listens now; nobody hears it later."""
        self.attempt(lambda r: r.publish(self.key(channel), orjson.dumps(data)), None)

    def subscribe(self, *channels: str, idle: float = 15.0) -> Iterator[PubSubMessage | None]:
        """Messages as they come, for ever; ``None`` after ``idle`` seconds without one.

        The first item is ``None`` and says that the subscription stands. A lost
        connection is made again; what was published meanwhile is lost, and another
        ``None`` is given at once, so that the listener can look for what it missed.
        """
        pause = 0.1
        while True:
            pubsub = PubSub(self._redis.connection_pool)
            try:
                pubsub.subscribe(*(self.key(channel) for channel in channels))
                for message in self._listen(pubsub, len(channels), idle):
                    pause = 0.1
                    yield message
            except redis.RedisError as error:
                self._complain(error)
                time.sleep(pause)
                pause = min(pause * 2, 5.0)
            finally:
                pubsub.close()

    def _listen(self, pubsub: PubSub, channels: int, idle: float) -> Iterator[PubSubMessage | None]:
        for _ in range(channels):
            pubsub.get_message(timeout=idle)
        yield None
        start = len(self._prefix) + 1
        while True:
            message = pubsub.get_message(timeout=idle)
            # Subscribed again: redis-py has made a lost connection anew, without a word.
            if message is None or message["type"] == "subscribe":
                yield None
            elif message["type"] == "message":
                yield PubSubMessage(message["channel"].decode()[start:], json.loads(message["data"]))

    # Inside

    def key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _set_key(self, name: str) -> str:
        return f"{self._prefix}:set:{name}"

    def _mark(self, client: redis.Redis, keys: Iterable[str]) -> None:
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.set(self.key(key), _MARKER, ex=_MARKER_SECONDS)
            pipe.execute()

    def _may_try(self) -> bool:
        if not self._paused_until:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return False
            self._paused_until = now + _PAUSE_SECONDS  # this caller tries, the others wait
            return True

    def _pause(self, error: Exception) -> None:
        self._paused_until = time.monotonic() + _PAUSE_SECONDS
        self._complain(error)

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_EVERY_SECONDS
            log.warning("redis is away, working without it", extra={"error": str(error)})


@per_app
def redis_cache(settings: Settings) -> Cache:
    """The cache that all processes of the platform share."""
    return Cache(redis_client(), "heidi")
