"""Cache of complete responses in Redis. A change of any city invalidates all of them.

Every entry contains the generation that was current before its rows were read. After its commit, a change replaces
the generation, which makes all older entries misses on every instance. A reader that was slower than the change
stores its entry under the old generation, so that it is never used.
"""

import secrets
import time
from collections.abc import Callable
from datetime import timedelta

from heidi_common.database.models import utcnow
from heidi_common.database.transactions import after_commit
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Unavailable
from heidi_common.redis.cache import Cache, redis_cache
from heidi_common.redis.client import mget
from heidi_services.city.http_cache import CachedResponse

TTL_SECONDS = 60
"""Limits how long old responses are used if Redis was unavailable when a change was committed."""
MAX_LOAD_SECONDS = 30
"""A response that took longer to load is not stored, so that no entry is older than this when its life begins."""
_EXPIRED_AFTER = timedelta(seconds=MAX_LOAD_SECONDS + TTL_SECONDS + 30)
"""With a margin for clocks that differ."""
_GENERATION = "city:generation"


def get_or_load(key: str, load: Callable[[], CachedResponse]) -> CachedResponse:
    """Return the cached response, or load and cache it. If Redis is unavailable, every call loads.

    Args:
        key: Identifies the response among those about cities.
        load: Reads the database and builds the response.
    """
    cache = redis_cache()
    names = [cache.key(_GENERATION), cache.key(f"city:{key}")]
    values = cache.attempt(lambda r: mget(r, names), None)
    generation, entry = values or (None, None)
    if generation and entry:
        entry_generation, tag, body = entry.split(b"\n", 2)
        if entry_generation == generation:
            return CachedResponse(tag.decode(), body)
    started = time.monotonic()
    response = load()
    if generation and time.monotonic() - started < MAX_LOAD_SECONDS:
        cache.set_bytes(f"city:{key}", b"\n".join((generation, response.tag.encode(), response.body)), TTL_SECONDS)
    elif values and not generation:
        _start_generation(cache)
    return response


def invalidate() -> bool:
    """Invalidate all cached responses. Returns False if Redis is unavailable."""
    cache = redis_cache()
    return bool(cache.attempt(lambda r: r.set(cache.key(_GENERATION), _new_generation()), None))


def invalidate_for_event(event: OutboxEvent) -> None:
    """Handle an event about a city, in case that the process which changed the city could not invalidate the cache.

    If Redis is unavailable for long, the entries from before the change have expired by themselves. The last attempts
    at an event are later than that, so that an outage of Redis never makes it a dead letter.

    Raises:
        Unavailable: Redis is unavailable, so that the event is handled again later.
    """
    if not invalidate() and not _entries_have_expired(event):
        raise Unavailable("Redis is unavailable, so cached responses about cities may be out of date.")


def _entries_have_expired(event: OutboxEvent) -> bool:
    """Whether every response that was read before the event's transaction committed is past its time to live."""
    if event.sent_at is None:  # the relay sends after the commit
        return False
    return utcnow() - event.sent_at > _EXPIRED_AFTER


def invalidate_after_commit() -> None:
    """Invalidate all cached responses once the current transaction has committed."""
    after_commit(invalidate)


def _start_generation(cache: Cache) -> None:
    cache.attempt(lambda r: r.set(cache.key(_GENERATION), _new_generation(), nx=True), None)


def _new_generation() -> bytes:
    """Generate a random value: if Redis loses the generation, an old one must not recur."""
    return secrets.token_hex(8).encode()
