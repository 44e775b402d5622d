"""Counts of failures expire."""

from __future__ import annotations

from flask import Flask

from heidi_common.identity import login_throttle
from heidi_common.identity.login_throttle import ThrottleLimit
from heidi_common.redis.client import redis_client


def test_a_count_always_expires_and_keeps_its_expiry(app: Flask) -> None:
    limit, key = ThrottleLimit("end", max_count=3, seconds=60), "heidi:throttle:end"
    login_throttle.count(limit)
    redis_client().expire(key, 20)
    login_throttle.count(limit)
    assert 0 < redis_client().ttl(key) <= 20
    redis_client().persist(key)  # as if it had expired between the two commands of a count
    login_throttle.count(limit)
    assert 20 < redis_client().ttl(key) <= 60
    assert login_throttle.check(soft=limit).soft_limit_reached
