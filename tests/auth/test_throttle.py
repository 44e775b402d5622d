"""What counts failures forgets them in time."""

from __future__ import annotations

from flask import Flask

from heidi_common.identity import login_throttle
from heidi_common.identity.login_throttle import Limit
from heidi_common.runtime import runtime


def test_a_count_always_has_an_end_and_keeps_it(app: Flask) -> None:
    limit, key = Limit("end", most=3, seconds=60), "heidi:throttle:end"
    login_throttle.count(limit)
    runtime().redis.expire(key, 20)
    login_throttle.count(limit)
    assert 0 < runtime().redis.ttl(key) <= 20
    runtime().redis.persist(key)  # as if it had run out between the two commands of a count
    login_throttle.count(limit)
    assert 20 < runtime().redis.ttl(key) <= 60
    assert login_throttle.check(soft=limit).soft_is_reached
