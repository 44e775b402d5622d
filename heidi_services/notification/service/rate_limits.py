"""Not too much at once: token buckets in Redis, one Lua script; and a breaker that passes over a provider that is down.

Redis away means no limits: a message late is worse than a message too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from heidi_common.redis.cache import redis_cache
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.message import Sender
from heidi_services.notification.enums import MARKETING, UNMUTABLE, Channel
from heidi_services.notification.service.claim import Job


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, then one every `every` seconds."""

    key: str
    burst: int
    every: float


_TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local wait = 0
local left = {}
for i, key in ipairs(KEYS) do
  local burst, every = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(held[1]) or burst, tonumber(held[2]) or now
  left[i] = math.min(burst, tokens + (now - at) / every)
  if left[i] < 1 then wait = math.max(wait, (1 - left[i]) * every) end
end
if wait == 0 then
  for i, key in ipairs(KEYS) do
    local burst, every = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    redis.call('HSET', key, 'tokens', left[i] - 1, 'at', now)
    redis.call('PEXPIRE', key, math.ceil(burst * every * 1000) + 1000)
  end
end
return tostring(wait)
"""
"""Takes one token from every bucket, or none and says how many seconds until there would be one in each."""

_BREAKS_AFTER, _BROKEN_SECONDS = 5, 30


def wait_for_turn(job: Job, senders: Sequence[Sender]) -> timedelta | None:
    """How long this message has to wait; None: go ahead."""
    limits = [*_provider_limits(senders), *_reader_limits(job)]
    if not limits:
        return None
    seconds = redis_cache().attempt(lambda redis: take(redis, limits), 0.0)
    return timedelta(seconds=seconds) if seconds > 0 else None


def take(redis: Redis, limits: Sequence[Limit]) -> float:
    """Seconds to wait; 0 when a token was taken from each."""
    arguments = [text for limit in limits for text in (limit.burst, limit.every)]
    keys = [redis_cache().key(f"pace:{limit.key}") for limit in limits]
    return float(redis.register_script(_TAKE)(keys=keys, args=arguments))


def _provider_limits(senders: Sequence[Sender]) -> Iterable[Limit]:
    """PROVIDER_RATES, messages a second: the first provider is the one that will be asked."""
    rate = current_settings().provider_rates.get(senders[0].name)
    if rate:
        yield Limit(f"provider:{senders[0].name}", burst=max(1, int(rate)), every=1 / rate)


def _reader_limits(job: Job) -> Iterable[Limit]:
    """Five text messages, then one a minute; three advertisements, then one an hour. Never for what matters."""
    if job.category in UNMUTABLE:
        return
    if job.channel is Channel.SMS:
        yield Limit(f"sms:{job.user_id}", burst=5, every=60)
    if job.category == MARKETING:
        yield Limit(f"marketing:{job.user_id}", burst=3, every=3600)


def in_working_order(senders: Sequence[Sender]) -> Sequence[Sender]:
    """Those whose breaker is closed, first; the others stay as a last resort."""
    if len(senders) < 2:
        return senders
    counts = redis_cache().get_many(_breaker(sender) for sender in senders)
    broken = {sender.name for sender, count in zip(senders, counts, strict=True) if (count or 0) >= _BREAKS_AFTER}
    return sorted(senders, key=lambda sender: sender.name in broken)


def note_outage(sender: Sender) -> None:
    """One more failure to get through; five within half a minute open the breaker."""
    key = redis_cache().key(_breaker(sender))

    def count(redis: Redis) -> None:
        with redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, _BROKEN_SECONDS)
            pipe.execute()

    redis_cache().attempt(count, None)


def _breaker(sender: Sender) -> str:
    return f"notification:breaker:{sender.name}"
