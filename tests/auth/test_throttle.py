"""Counts of failures: they expire, and they continue in PostgreSQL while Redis is unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.app import build_app
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import login_throttle
from heidi_common.identity.login_throttle import ThrottleLimit
from heidi_common.identity.models import ThrottleCounter
from heidi_common.problems import TooMany
from heidi_common.redis.cache import redis_cache
from heidi_common.redis.client import redis_client
from heidi_common.runtime import current_runtime
from heidi_services import SERVICES
from heidi_services.auth.service import retention
from tests.conftest import make_settings
from tests.ports import free_port

LIMIT = ThrottleLimit("end", max_count=3, seconds=60)
PASSWORD = "a password of some length"


@pytest.fixture
def without_redis(app: Flask, database_url: str, redis_url: str) -> Iterator[FlaskClient]:
    """The services auth and users on the same database, while nothing listens at REDIS_URL."""
    settings = make_settings(database_url, f"redis://127.0.0.1:{free_port()}/0", broker_url=redis_url)
    isolated = build_app(settings, SERVICES["auth"], SERVICES["users"])
    with isolated.app_context():
        yield isolated.test_client()
        db.session.remove()


@pytest.fixture
def read_only_redis(app: Flask) -> Iterator[None]:
    """A Redis that rejects writes as one without memory or disk does."""
    redis_client().config_set("maxmemory", 1)
    yield
    redis_client().config_set("maxmemory", 0)
    current_runtime().instances.pop(redis_cache, None)  # it pauses after a failure


def test_a_count_always_expires_and_keeps_its_expiry(app: Flask) -> None:
    key = "heidi:throttle:end"
    login_throttle.count(LIMIT)
    redis_client().expire(key, 20)
    login_throttle.count(LIMIT)
    assert 0 < redis_client().ttl(key) <= 20
    redis_client().persist(key)  # as if it had expired between the two commands of a count
    login_throttle.count(LIMIT)
    assert 20 < redis_client().ttl(key) <= 60
    assert login_throttle.check(soft=LIMIT).soft_limit_reached


def test_without_redis_users_register_sign_in_refresh_and_sign_out(without_redis: FlaskClient) -> None:
    credentials = {"email": "ada@example.test", "password": PASSWORD}
    assert without_redis.post("/api/v1/auth/register", json=credentials).status_code == 201
    signed_in = without_redis.post("/api/v1/auth/login", json=credentials)
    assert signed_in.status_code == 200, signed_in.json
    refreshed = without_redis.post(
        "/api/v1/auth/refresh", json={"refreshToken": signed_in.json["data"]["refreshToken"]}
    )
    assert refreshed.status_code == 200
    headers = {"Authorization": f"Bearer {refreshed.json['data']['accessToken']}"}
    assert without_redis.get("/api/v1/users/me", headers=headers).status_code == 200
    assert without_redis.post("/api/v1/auth/logout", headers=headers).status_code in (200, 204)
    assert without_redis.get("/api/v1/users/me", headers=headers).status_code == 401
    forgotten = without_redis.post("/api/v1/auth/password/forgot", json={"email": credentials["email"]})
    assert forgotten.status_code < 300


def test_without_redis_the_limit_of_failures_still_applies(without_redis: FlaskClient) -> None:
    credentials = {"email": "nobody@example.test", "password": PASSWORD}
    statuses = [without_redis.post("/api/v1/auth/login", json=credentials).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    rejected = without_redis.post("/api/v1/auth/login", json=credentials)
    assert 0 < int(rejected.headers["Retry-After"]) <= 900


def test_failures_of_an_outage_count_when_redis_is_back(
    app: Flask, without_redis: FlaskClient, client: FlaskClient
) -> None:
    credentials = {"email": "nobody@example.test", "password": PASSWORD}
    for _ in range(9):
        without_redis.post("/api/v1/auth/login", json=credentials)
    with app.app_context():
        statuses = [client.post("/api/v1/auth/login", json=credentials).status_code for _ in range(2)]
    assert statuses == [401, 429]


@pytest.mark.usefixtures("read_only_redis")
def test_a_redis_that_rejects_writes_does_not_lift_the_limit(app: Flask) -> None:
    with pytest.raises(redis.ResponseError):
        redis_client().set("key", "value")
    for _ in range(LIMIT.max_count):
        login_throttle.check(LIMIT)
        login_throttle.count(LIMIT)
    with pytest.raises(TooMany):
        login_throttle.check(LIMIT)


def test_a_success_deletes_the_counts_of_both_stores(app: Flask, without_redis: FlaskClient) -> None:
    login_throttle.count(LIMIT)
    with app.app_context():
        login_throttle.count(LIMIT)
        login_throttle.reset(LIMIT)
        assert login_throttle.check(LIMIT).failures == 0


def test_a_count_in_postgresql_starts_again_after_its_window(app: Flask, without_redis: FlaskClient) -> None:
    for _ in range(LIMIT.max_count):
        login_throttle.count(LIMIT)
    _expire_counters()
    assert login_throttle.check(LIMIT).failures == 0
    login_throttle.count(LIMIT)
    assert login_throttle.check(LIMIT).failures == 1
    _expire_counters()
    retention.delete_expired()
    assert db.session.scalars(select(ThrottleCounter.key)).all() == []


def _expire_counters() -> None:
    with transaction():
        db.session.execute(update(ThrottleCounter).values(expires_at=utcnow() - timedelta(seconds=1)))
