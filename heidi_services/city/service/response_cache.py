"""Ready answers in Redis, none of which outlives a change of the cities.

Every entry carries the generation that was current before its rows were read. A change puts a new
generation once it has committed, so all older entries are misses at once, on every instance; a reader
that was slower than the change can only store under the generation that has ended.
"""

import secrets
from collections.abc import Callable
from typing import NamedTuple

from heidi_common.database.transactions import after_commit
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.problems import Unavailable
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import mget

SECONDS = 60
"""Bounds what a change would leave behind if Redis could not be reached when it committed."""
_GENERATION = "city:generation"


class Answer(NamedTuple):
    """A body as it goes out, and its ETag without the quotes."""

    tag: str
    body: bytes


def get_or_load(key: str, load: Callable[[], Answer]) -> Answer:
    """The stored answer, or what `load` makes, stored. Redis away is a miss."""
    cache = redis_cache()
    names = [cache.key(_GENERATION), cache.key(f"city:{key}")]
    found = cache.attempt(lambda r: mget(r, names), None)
    generation, entry = found or (None, None)
    if generation and entry:
        stamp, tag, body = entry.split(b"\n", 2)
        if stamp == generation:
            return Answer(tag.decode(), body)
    answer = load()
    if generation:
        cache.set_bytes(f"city:{key}", b"\n".join((generation, answer.tag.encode(), answer.body)), SECONDS)
    elif found:
        cache.attempt(lambda r: r.set(names[0], _new_generation(), nx=True), None)
    return answer


def renew() -> bool:
    """What was stored until now is not used any more; False when Redis could not be told."""
    cache = redis_cache()
    return bool(cache.attempt(lambda r: r.set(cache.key(_GENERATION), _new_generation()), None))


def renew_for(_fact: OutboxEvent) -> None:
    """The same for a city fact, until it succeeds: for a change whose process died, or that could not reach Redis."""
    if not renew():
        raise Unavailable("Redis cannot be reached, so stored answers about cities may be old.")


def renew_after_commit() -> None:
    after_commit(renew)


def _new_generation() -> bytes:
    """Random, so that a number lost with Redis is never given again."""
    return secrets.token_hex(8).encode()
