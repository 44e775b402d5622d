"""A circuit breaker per provider, shared through Redis: a provider that is down is called last for a while.

Without Redis every breaker is closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis

from heidi_common.redis.cache import redis_cache
from heidi_services.notification.channels.message import Sender

_FAILURE_THRESHOLD, _OPEN_SECONDS = 5, 30


def closed_first(senders: Sequence[Sender]) -> Sequence[Sender]:
    """Sort senders with an open breaker behind the others, where they remain as a last resort."""
    if len(senders) < 2:
        return senders
    failures = redis_cache().get_many(_key(sender) for sender in senders)
    open_names = {sender.name for sender, count in zip(senders, failures, strict=True) if not is_closed(count)}
    return sorted(senders, key=lambda sender: sender.name in open_names)


def is_closed(failures: int | None) -> bool:
    return (failures or 0) < _FAILURE_THRESHOLD


def record_failure(sender: Sender) -> None:
    """Count that a provider could not be reached.

    Five failures open its breaker. It closes 30 s after the last failure.
    """
    key = redis_cache().key(_key(sender))

    def count_failure(redis: Redis) -> None:
        with redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, _OPEN_SECONDS)
            pipe.execute()

    redis_cache().attempt(count_failure, None)


def _key(sender: Sender) -> str:
    return f"notification:breaker:{sender.name}"
