"""The counters of the throttles: in Redis and, while Redis does not accept them, in PostgreSQL.

A counter's value is the sum of both stores, so that a limit still applies to what was counted during an outage when
Redis is back. Only the counts that Redis held before an outage are out of sight while it lasts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import redis
from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from heidi_common.database.compiled import CompiledStatement
from heidi_common.identity.models import ThrottleCounter
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import mget


class Window(NamedTuple):
    """A counter, and the length in seconds of the window that begins when it is first incremented."""

    key: str
    seconds: int


_KEYS = bindparam("keys", type_=ARRAY(Text))
_SECONDS_LEFT = func.ceil(func.extract("epoch", ThrottleCounter.expires_at - func.now())).label("seconds_left")
_READ = CompiledStatement(
    select(ThrottleCounter.key, ThrottleCounter.count, _SECONDS_LEFT)
    .where(ThrottleCounter.key == func.any(_KEYS))
    .where(ThrottleCounter.expires_at > func.now())
)
# In the order of the keys, so that two statements with the same keys cannot deadlock.
_INCREMENT = CompiledStatement(
    text("""
INSERT INTO throttle_counters AS stored (key, count, expires_at)
SELECT key, 1, now() + make_interval(secs => seconds)
FROM unnest(CAST(:keys AS text[]), CAST(:seconds AS int[])) AS new(key, seconds) ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN stored.expires_at > now() THEN stored.count + 1 ELSE 1 END,
    expires_at = CASE WHEN stored.expires_at > now() THEN stored.expires_at ELSE excluded.expires_at END
RETURNING stored.key
"""),
    changes=True,
)
_DELETE = CompiledStatement(
    delete(ThrottleCounter).where(ThrottleCounter.key == func.any(_KEYS)).returning(ThrottleCounter.key), changes=True
)


def read(keys: Collection[str]) -> list[int]:
    """Read the current counts, in the order of the keys."""
    names = [_name(key) for key in keys]
    no_counts: list[bytes | None] = [None] * len(names)
    in_redis = redis_cache().attempt(lambda client: mget(client, names), no_counts)
    stored = {row.key: row.count for row in _READ.all(keys=list(keys))}
    return [int(value or 0) + stored.get(key, 0) for key, value in zip(keys, in_redis, strict=True)]


def seconds_left(key: str) -> int:
    """The rest of a counter's window, in seconds; 0 if nothing has been counted."""
    in_redis = redis_cache().attempt(lambda client: client.ttl(_name(key)), 0)
    row = _READ.first(keys=[key])
    return max(0, in_redis, int(row.seconds_left) if row else 0)


def increment(windows: Collection[Window]) -> None:
    """Add 1 to each counter."""
    if not redis_cache().attempt(lambda client: _increment_in_redis(client, windows), False):
        _INCREMENT.all(keys=[window.key for window in windows], seconds=[window.seconds for window in windows])


def delete_counters(keys: Collection[str]) -> None:
    """Start again at 0. What an unavailable Redis holds remains until its window ends."""
    redis_cache().attempt(lambda client: client.delete(*map(_name, keys)), None)
    if _READ.all(keys=list(keys)):
        _DELETE.all(keys=list(keys))


def _increment_in_redis(client: redis.Redis, windows: Collection[Window]) -> bool:
    with client.pipeline(transaction=False) as pipe:
        for window in windows:
            pipe.incr(_name(window.key))
            # After the increment: a counter that existed before it may expire at any time, and a new one without
            # expiry would never be reset.
            pipe.expire(_name(window.key), window.seconds, nx=True)
        pipe.execute()
    return True


def _name(key: str) -> str:
    return redis_cache().key(f"throttle:{key}")
