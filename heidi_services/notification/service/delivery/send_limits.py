"""Limits of sending, for providers and recipients: token buckets in Redis, updated by one Lua script.

Without Redis nothing is limited: too many messages are better than delayed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from heidi_common.channels.registry import CHANNELS
from heidi_common.redis.cache import redis_cache
from heidi_common.runtime import current_settings
from heidi_services.notification.channels.message import Sender
from heidi_services.notification.enums import MARKETING, UNMUTABLE
from heidi_services.notification.service.delivery.claim import ClaimedNotification


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A bucket of `burst` tokens that gains one token every `refill_seconds`."""

    key: str
    burst: int
    refill_seconds: float


_TAKE_TOKENS = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local wait = 0
local available = {}
for i, key in ipairs(KEYS) do
  local burst, refill = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local stored = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(stored[1]) or burst, tonumber(stored[2]) or now
  available[i] = math.min(burst, tokens + (now - at) / refill)
  if available[i] < 1 then wait = math.max(wait, (1 - available[i]) * refill) end
end
if wait == 0 then
  for i, key in ipairs(KEYS) do
    local burst, refill = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    redis.call('HSET', key, 'tokens', available[i] - 1, 'at', now)
    redis.call('PEXPIRE', key, math.ceil(burst * refill * 1000) + 1000)
  end
end
return tostring(wait)
"""
"""Takes one token from each bucket. If a bucket is empty, takes none and returns the seconds until each has one."""


def reserve_send_slot(job: ClaimedNotification, senders: Sequence[Sender]) -> timedelta | None:
    """Take a token from each rate limit that applies to the message.

    Args:
        senders: The senders of the channel in their order. The limit of the first one applies.

    Returns:
        None if the message may be sent now; otherwise how long it has to wait, and no token has been taken.
    """
    buckets = [*_provider_buckets(senders), *_recipient_buckets(job)]
    if not buckets:
        return None
    seconds = redis_cache().attempt(lambda redis: take_tokens(redis, buckets), 0.0)
    return timedelta(seconds=seconds) if seconds > 0 else None


def take_tokens(redis: Redis, buckets: Sequence[TokenBucket]) -> float:
    """Take a token from each bucket; returns 0, or the seconds to wait if none was taken."""
    arguments = [argument for bucket in buckets for argument in (bucket.burst, bucket.refill_seconds)]
    keys = [redis_cache().key(f"pace:{bucket.key}") for bucket in buckets]
    return float(redis.register_script(_TAKE_TOKENS)(keys=keys, args=arguments))


def _provider_buckets(senders: Sequence[Sender]) -> Iterable[TokenBucket]:
    """PROVIDER_RATES in messages per second. Only the first provider counts: it is the one that will be called."""
    rate = current_settings().provider_rates.get(senders[0].name)
    if rate:
        yield TokenBucket(f"provider:{senders[0].name}", burst=max(1, int(rate)), refill_seconds=1 / rate)


def _recipient_buckets(job: ClaimedNotification) -> Iterable[TokenBucket]:
    """Per user: the limit of the channel; three marketing messages, then one per hour."""
    if job.category in UNMUTABLE:
        return
    limit = CHANNELS[job.channel].recipient_limit
    if limit is not None:
        yield TokenBucket(f"{job.channel.lower()}:{job.user_id}", limit.burst, limit.refill_seconds)
    if job.category == MARKETING:
        yield TokenBucket(f"marketing:{job.user_id}", burst=3, refill_seconds=3600)
