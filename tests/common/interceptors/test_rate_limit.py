from collections.abc import Callable, Iterator
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.identity.models import Role
from heidi_common.interceptors import rate_limit
from heidi_common.interceptors.request_counter import RequestCounter
from heidi_common.peers.signature import HEADER, REQUESTER_HEADER, signature_headers
from heidi_common.redis.cache import Cache, redis_cache
from heidi_common.redis.client import connect
from heidi_services import SERVICES
from tests.conftest import make_settings

NOW = 1_800_000_010.0


@pytest.fixture
def cache(redis_url: str) -> Iterator[Cache]:
    client = connect(redis_url)
    client.flushall()
    yield Cache(client, "t")
    client.close()


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests of a test are in the same minute."""
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.parametrize("processes", [1, 4])
def test_the_limit_applies_to_all_processes_to_within_a_batch_of_each(cache: Cache, processes: int) -> None:
    counters = [RequestCounter() for _ in range(processes)]
    passed = sum(counters[n % processes].hit(cache, "a", 600, NOW).used <= 600 for n in range(2000))
    assert 600 <= passed <= 600 + 12 * (processes - 1)


def test_few_requests_cost_few_round_trips(cache: Cache) -> None:
    before = cache.attempt(lambda r: r.info("stats")["total_commands_processed"], 0)
    counter = RequestCounter()
    for _ in range(240):
        counter.hit(cache, "a", 600, NOW)
    after = cache.attempt(lambda r: r.info("stats")["total_commands_processed"], 0)
    assert (after - before) / 2 <= 240 / 5


def test_a_new_minute_starts_at_zero(cache: Cache) -> None:
    counter = RequestCounter()
    for _ in range(20):
        status = counter.hit(cache, "a", 10, NOW)
    assert status.used > 10 and 1 <= status.reset <= 61
    assert counter.hit(cache, "a", 10, NOW + 60).used == 1


def test_without_redis_each_process_applies_the_limit_by_itself() -> None:
    unavailable = Cache(connect("redis://127.0.0.1:1"), "t")
    counter = RequestCounter()
    assert sum(counter.hit(unavailable, "a", 50, NOW).used <= 50 for _ in range(100)) == 50


@pytest.fixture
def throttled(app: Flask, settings: Settings) -> Flask:
    """The core service with limits that a test can reach; the tables are those of ``app``."""
    small = make_settings(
        settings.database_url, settings.redis_url, throttle_address_per_minute=5, throttle_user_per_minute=3
    )
    return build_app(small, SERVICES["core"])


def get(app: Flask, path: str, address: str, **headers: str) -> Any:
    return app.test_client().get(path, headers=headers, environ_overrides={"REMOTE_ADDR": address})


def test_an_address_beyond_its_limit_gets_429_and_the_time_to_wait(throttled: Flask) -> None:
    responses = [get(throttled, "/api/v1/none", "198.51.100.7") for _ in range(6)]
    assert [response.status_code for response in responses] == [404] * 5 + [429]
    assert responses[0].headers["RateLimit"].startswith("limit=5, remaining=4, reset=")
    rejected = responses[-1]
    assert rejected.get_json()["code"] == "throttled"
    assert rejected.content_type == "application/problem+json"
    assert 1 <= int(rejected.headers["Retry-After"]) <= 61
    assert rejected.headers["RateLimit-Policy"] == "5;w=60"
    assert rejected.headers["RateLimit"].startswith("limit=5, remaining=0, reset=")
    assert get(throttled, "/api/v1/none", "198.51.100.8").status_code == 404


def test_the_limit_of_a_caller_applies_to_all_their_addresses(throttled: Flask, as_user: Callable[..., Any]) -> None:
    headers = as_user(Role.ADMIN).headers
    statuses = [get(throttled, "/api/v1/core/events", f"198.51.100.{n}", **headers).status_code for n in range(4)]
    assert statuses == [200] * 3 + [429]
    other = as_user(Role.ADMIN).headers
    assert get(throttled, "/api/v1/core/events", "198.51.100.99", **other).status_code == 200


def test_calls_between_services_are_not_counted_and_cannot_be_forged(
    throttled: Flask, as_user: Callable[..., Any]
) -> None:
    headers, other = as_user(Role.ADMIN).headers, as_user(Role.ADMIN).headers
    with throttled.app_context():
        signed, forged = headers | signature_headers(headers), headers | signature_headers(other)
        assert signature_headers({}) == {}
        requester = headers | {REQUESTER_HEADER: str(uuid4())}
        on_behalf = requester | signature_headers(requester)

    def statuses(headers: dict[str, str]) -> list[int]:
        return [get(throttled, "/api/v1/core/events", "198.51.100.7", **headers).status_code for _ in range(10)]

    assert statuses(signed) == [200] * 10
    assert statuses(on_behalf) == [200] * 10
    assert statuses(signed | {REQUESTER_HEADER: str(uuid4())})[-1] == 429
    assert statuses(headers | {HEADER: "forged"})[-1] == 429
    assert statuses(headers | {HEADER: "é"})[-1] == 429
    assert statuses(forged)[-1] == 429
    assert statuses(signed) == [200] * 10


def test_one_ipv6_network_counts_as_one_address(throttled: Flask) -> None:
    statuses = [get(throttled, "/api/v1/none", f"2001:db8:1:2::{n}").status_code for n in range(1, 7)]
    assert statuses[-1] == 429
    assert get(throttled, "/api/v1/none", "2001:db8:1:3::1").status_code == 404


def test_probes_are_never_throttled(throttled: Flask) -> None:
    assert {get(throttled, "/healthz", "198.51.100.7").status_code for _ in range(10)} == {200}


@pytest.mark.parametrize(
    ("changes", "is_limited"),
    [
        ({"public_base_url": "http://localhost:8080"}, False),
        ({"public_base_url": "http://[::1]:8080"}, False),
        ({"public_base_url": "http://localhost:8080", "router_trusted_proxies": (ip_network("127.0.0.1"),)}, True),
        ({"public_base_url": "https://heidi.example.org"}, True),
        ({"public_base_url": "http://localhost:8080", "environment": "production"}, True),
    ],
)
def test_loopback_addresses_are_exempt_only_if_no_other_machine_can_reach_the_platform(
    app: Flask, settings: Settings, changes: dict[str, Any], is_limited: bool
) -> None:
    values = {"environment": "standalone", "throttle_address_per_minute": 5} | changes
    limited = build_app(make_settings(settings.database_url, settings.redis_url, **values), SERVICES["core"])
    statuses = [get(limited, "/api/v1/none", "127.0.0.1").status_code for _ in range(7)]
    assert (429 in statuses) is is_limited


def test_an_unavailable_redis_does_not_cause_a_server_error(app: Flask, settings: Settings) -> None:
    without_redis = make_settings(settings.database_url, "redis://127.0.0.1:1/0", throttle_address_per_minute=5)
    limited = build_app(without_redis, SERVICES["core"])
    statuses = [get(limited, "/api/v1/none", "198.51.100.7").status_code for _ in range(6)]
    assert statuses == [404] * 5 + [429]
    with limited.app_context():
        assert redis_cache().get_json("x") is None
