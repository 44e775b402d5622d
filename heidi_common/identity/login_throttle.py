"""Throttles of whoever guesses: failures are counted in Redis for what was submitted, known or not.

A dead Redis is 503: guessing must never become free because a cache is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import redis

from heidi_common.audit.trail import fingerprint
from heidi_common.problems import TooMany, Unavailable
from heidi_common.redis.client import mget, redis_client
from heidi_common.runtime import current_settings

T = TypeVar("T")


@dataclass(frozen=True)
class Limit:
    """At most `most` within `seconds`, counted from the first one."""

    key: str
    most: int
    seconds: int


def pair(subject: str, address: str) -> Limit:
    """Failures of one account from one address."""
    settings = current_settings()
    key = fingerprint(f"{subject} {address}")
    return Limit(f"pair:{key}", settings.throttle_pair_failures, settings.throttle_window_seconds)


def address(address: str) -> Limit:
    """Failures from one address, whatever the account."""
    settings = current_settings()
    key = fingerprint(address)
    return Limit(f"address:{key}", settings.throttle_address_failures, settings.throttle_window_seconds)


def account(subject: str) -> Limit:
    """Failures of one account from everywhere: beyond it only known addresses get in (a soft lock)."""
    settings = current_settings()
    key = fingerprint(subject)
    return Limit(f"account:{key}", settings.throttle_account_failures, settings.throttle_window_seconds)


def registration(address: str) -> Limit:
    """Registrations (and, apart from them, forgotten passwords) from one address."""
    return Limit(f"register:{fingerprint(address)}", current_settings().throttle_registrations_per_minute, 60)


def password_reset(address: str) -> Limit:
    return Limit(f"forgot:{fingerprint(address)}", current_settings().throttle_registrations_per_minute, 60)


def emails(subject: str, address: str) -> Limit:
    """Mails to one inbox asked for from one address; by both, so that nobody can keep somebody else's mail back."""
    return Limit(f"mails:{fingerprint(f'{subject} {address}')}", current_settings().throttle_mails_per_hour, 3600)


def second_factor(user_id: UUID) -> Limit:
    """Wrong codes of one person; only who knows the password gets so far."""
    settings = current_settings()
    return Limit(f"code:{user_id}", settings.throttle_pair_failures, settings.throttle_window_seconds)


@dataclass(frozen=True)
class ThrottleStatus:
    """How many failures the limits that were looked at have counted, and whether the soft one is reached."""

    failures: int
    soft_is_reached: bool


def check(*limits: Limit, soft: Limit | None = None) -> ThrottleStatus:
    """Raise TooMany when one of the limits is reached; of `soft` it is only told. Counts nothing."""
    counts = _read(*limits, *([soft] if soft else ()))
    for limit, found in zip(limits, counts, strict=False):
        if found >= limit.most:
            raise _too_many(limit)
    return ThrottleStatus(sum(counts[: len(limits)]), soft is not None and counts[-1] >= soft.most)


def count(*limits: Limit) -> None:
    """Count one failure for each."""

    def add(client: redis.Redis) -> None:
        with client.pipeline(transaction=False) as pipe:
            for limit in limits:
                pipe.incr(_name(limit))
                # After it, so that no count is ever without an end: the one before may run out at any moment.
                pipe.expire(_name(limit), limit.seconds, nx=True)
            pipe.execute()

    _execute(add)


def count_or_reject(limit: Limit) -> None:
    """Count one use and raise TooMany when that was too many."""
    count(limit)
    if _read(limit)[0] > limit.most:
        raise _too_many(limit)


def reset(*limits: Limit) -> None:
    """Start anew, after a success."""
    _execute(lambda client: client.delete(*(_name(limit) for limit in limits)))


def _too_many(limit: Limit) -> TooMany:
    left = max(1, _execute(lambda client: client.ttl(_name(limit))))
    problem = TooMany("Too many attempts. Try again later.", code="throttled", retry_after=left)
    problem.headers["RateLimit"] = f"limit={limit.most}, remaining=0, reset={left}"
    return problem


def _read(*limits: Limit) -> list[int]:
    names = [_name(limit) for limit in limits]
    return [int(found or 0) for found in _execute(lambda client: mget(client, names))]


def _name(limit: Limit) -> str:
    return f"heidi:throttle:{limit.key}"


def _execute(question: Callable[[redis.Redis], T]) -> T:
    try:
        return question(redis_client())
    except redis.RedisError:
        raise Unavailable("Signing in is not possible at the moment.", code="redis_away", retry_after=5) from None
