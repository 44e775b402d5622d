import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from heidi_common.redis import cache as cache_module
from heidi_common.redis.cache import Cache
from heidi_common.redis.client import connect
from heidi_common.redis.pubsub import PubSubMessage
from heidi_standalone.servers.valkey import Valkey
from tests.polling import TIMEOUT_SECONDS, until


@pytest.fixture
def cache(client: redis.Redis) -> Cache:
    return Cache(client, "t")


class Clock:
    """The clock of the cache. It only moves when a test moves it."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache_module, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=time.sleep))
    return clock


@pytest.fixture
def unresponsive(monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A client of a server that accepts connections and never responds. `attempts` holds the commands."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = connect(f"redis://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        command, client.attempts = client.execute_command, []
        lock = threading.Lock()

        def counted(*args: object, **options: object) -> object:
            with lock:
                client.attempts.append(args)
            return command(*args, **options)

        monkeypatch.setattr(client, "execute_command", counted)
        yield client
        client.close()


def test_a_value_is_cached_until_it_is_deleted(cache: Cache) -> None:
    cache.set_json("a", {"x": [1, None, "ü"]}, ttl=60)
    assert cache.get_json("a") == {"x": [1, None, "ü"]}
    cache.delete("a")
    assert cache.get_json("a") is None


def test_keys_live_at_most_for_their_ttl_and_do_not_expire_together(cache: Cache, client: redis.Redis) -> None:
    for number in range(50):
        cache.set_json(f"k{number}", number, ttl=10_000)
    remaining_ms = [client.pttl(f"t:k{number}") for number in range(50)]
    assert min(remaining_ms) > 8_000_000 and max(remaining_ms) <= 10_000_000
    assert max(remaining_ms) - min(remaining_ms) > 200_000


def test_get_or_load_loads_once_and_returns_the_same_for_hit_and_miss(cache: Cache) -> None:
    loads: list[int] = []

    def load() -> dict[str, object]:
        loads.append(1)
        return {"pair": (1, 2)}

    assert cache.get_or_load("a", 60, load) == cache.get_or_load("a", 60, load) == {"pair": [1, 2]}
    assert len(loads) == 1


def test_a_value_loaded_before_an_invalidation_is_not_cached_after_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_MARKER_SECONDS", 600)

    def load_during_an_invalidation() -> str:
        cache.delete("a")
        return "old"

    assert cache.get_or_load("a", 60, load_during_an_invalidation) == "old"
    assert cache.get_or_load("a", 60, lambda: "new") == "new"


def test_none_is_not_cached(cache: Cache, client: redis.Redis) -> None:
    assert cache.get_or_load("a", 60, lambda: None) is None
    assert client.dbsize() == 0


def test_many_keys_are_read_in_one_round_trip(cache: Cache, client: redis.Redis) -> None:
    cache.set_json("a", 1, 60)
    cache.set_json("c", 3, 60)
    before = client.info("stats")["total_commands_processed"]
    assert cache.get_many(["a", "b", "c"]) == [1, None, 3]
    assert client.info("stats")["total_commands_processed"] - before == 2  # the MGET and this INFO
    assert cache.get_many([]) == []


def test_set_operations(cache: Cache, client: redis.Redis) -> None:
    cache.add_members("s", "a", "b", ttl=60)
    cache.remove_members("s", "b")
    assert cache.members("s") == {"a"}
    assert cache.has_member("s", "a") and not cache.has_member("s", "b")
    assert 0 < client.pttl("t:set:s") <= 60_000
    cache.delete_set("s")
    assert cache.members("s") == set()


def test_a_subscriber_receives_what_is_published_after_it_has_subscribed(cache: Cache) -> None:
    messages = cache.subscribe("news", "weather", idle=TIMEOUT_SECONDS)
    assert next(messages) is None
    cache.publish("weather", {"rain": True})
    cache.publish("other", 1)
    cache.publish("news", 2)
    assert next(messages) == PubSubMessage("weather", {"rain": True})
    assert next(messages) == PubSubMessage("news", 2)


def test_an_idle_subscriber_receives_none(cache: Cache) -> None:
    messages = cache.subscribe("news", idle=0.05)
    assert next(messages) is None
    assert next(messages) is None


def test_a_subscription_survives_and_reports_a_lost_connection(cache: Cache, client: redis.Redis) -> None:
    messages = cache.subscribe("news", idle=10 * TIMEOUT_SECONDS)
    assert next(messages) is None
    client.client_kill_filter(_type="pubsub")
    received: list[PubSubMessage | None] = []
    threading.Thread(target=lambda: received.append(next(messages)), daemon=True).start()
    until(lambda: received == [None])  # it is active again: messages may have been missed
    cache.publish("news", "back")
    assert next(messages) == PubSubMessage("news", "back")


def test_a_refused_connection_is_a_miss_in_every_operation(caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(connect("redis://127.0.0.1:1"), "t")
    with caplog.at_level(logging.WARNING):
        cache.set_json("a", 1, 60)
        cache.delete("a")
        cache.add_members("s", "a")
        cache.publish("c", 1)
        assert cache.get_json("a") is None
        assert cache.get_many(["a", "b"]) == [None, None]
        assert cache.members("s") == set()
        assert not cache.has_member("s", "a")
        assert cache.get_or_load("a", 60, lambda: 5) == 5
    logged = [record.message for record in caplog.records if record.name == cache_module.__name__]
    assert logged == ["redis is unavailable, continuing without it"]


def test_an_unresponsive_redis_costs_one_time_out_per_second(unresponsive: redis.Redis, clock: Clock) -> None:
    cache = Cache(unresponsive, "t")
    for second in (1, 2):
        for _ in range(100):
            assert cache.get_json("a") is None
        assert len(unresponsive.attempts) == second
        clock.now += 1.05


def test_one_caller_attempts_again_while_the_others_do_not_wait(unresponsive: redis.Redis, clock: Clock) -> None:
    cache = Cache(unresponsive, "t")
    cache.get_json("a")
    clock.now += 1.05
    threads = [threading.Thread(target=cache.get_json, args=("a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(unresponsive.attempts) == 2


def test_the_cache_is_used_again_when_redis_is_back(tmp_path: Path, clock: Clock) -> None:
    server = Valkey(tmp_path, durable=False)
    server.start()
    cache = Cache(connect(server.url(), timeout=TIMEOUT_SECONDS), "t")
    cache.set_json("a", 1, 60)
    assert cache.get_json("a") == 1
    server.stop()
    assert cache.get_json("a") is None
    server.start()
    clock.now += 1.05
    cache.set_json("a", 2, 60)
    assert cache.get_json("a") == 2
    server.stop()
