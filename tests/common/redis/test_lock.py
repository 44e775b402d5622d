import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import redis

from heidi_common.redis import lock as locks
from heidi_common.redis.client import connect
from heidi_common.redis.lock import Lock, LockLost, LockNotAcquired, LockUnavailable
from tests.polling import until


@pytest.fixture(scope="module")
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = connect(redis_url.replace("?db=0", "?db=2"))
    yield client
    client.close()


def lease(client: redis.Redis, name: str) -> int:
    """How many milliseconds are left; -2 when nobody holds it."""
    return client.pttl(f"heidi:lock:{{{name}}}")


def pauses(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> list[float]:
    """Whoever waits for a lock waits on a clock of its own; this is what it waited for."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        meanwhile()

    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: sum(waited), sleep=sleep))
    return waited


def test_only_one_holds_the_lock(client: redis.Redis) -> None:
    with Lock(client, "one"), pytest.raises(LockNotAcquired):
        Lock(client, "one").acquire()


def test_it_is_free_after_the_block_even_when_the_block_failed(client: redis.Redis) -> None:
    with pytest.raises(ZeroDivisionError), Lock(client, "two"):
        raise ZeroDivisionError
    with Lock(client, "two"):
        pass


def test_each_holder_has_a_higher_number_than_every_one_before(client: redis.Redis) -> None:
    tokens = []
    for _ in range(3):
        with Lock(client, "three") as lock:
            tokens.append(lock.fencing_token)
    with pytest.raises(LockNotAcquired), Lock(client, "three"):
        Lock(client, "three").acquire()
    with Lock(client, "three") as lock:
        tokens.append(lock.fencing_token)
    assert tokens == sorted(set(tokens))


def test_the_lease_ends_by_itself_and_the_late_holder_has_the_lower_number(client: redis.Redis) -> None:
    late = Lock(client, "four", ttl=0.05)
    late.acquire()
    until(lambda: lease(client, "four") == -2)
    with Lock(client, "four") as next_one:
        assert next_one.fencing_token > late.fencing_token


def test_a_late_holder_cannot_free_the_lock_of_the_next(client: redis.Redis) -> None:
    late = Lock(client, "five", ttl=0.05)
    late.acquire()
    until(lambda: lease(client, "five") == -2)
    with Lock(client, "five"):
        assert late.release() is False
        with pytest.raises(LockNotAcquired):
            Lock(client, "five").acquire()


def test_extending_keeps_the_lock_and_fails_when_it_is_lost(client: redis.Redis) -> None:
    lock = Lock(client, "six", ttl=100)
    lock.acquire()
    lock.extend(10_000)
    assert lease(client, "six") > 100_000
    with pytest.raises(LockNotAcquired):
        Lock(client, "six").acquire()
    lock.extend(0.05)
    until(lambda: lease(client, "six") == -2)
    with pytest.raises(LockLost):
        lock.extend(10)


def test_waiting_takes_the_lock_as_soon_as_it_is_free(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Lock(client, "seven")
    first.acquire()
    waited = pauses(monkeypatch, first.release)
    with Lock(client, "seven", wait=5):
        assert len(waited) == 1


def test_waiting_ends(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = pauses(monkeypatch, lambda: None)
    with Lock(client, "eight"), pytest.raises(LockNotAcquired):
        Lock(client, "eight", wait=5).acquire()
    assert 4.9 < sum(waited) <= 5


def test_many_at_once_never_overlap(client: redis.Redis) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with Lock(client, "nine", wait=120):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_a_number_is_only_for_who_holds_the_lock(client: redis.Redis) -> None:
    with pytest.raises(LockLost):
        _ = Lock(client, "ten").fencing_token


def test_without_redis_nobody_holds_a_lock_and_the_error_says_so() -> None:
    with pytest.raises(LockUnavailable):
        Lock(connect("redis://127.0.0.1:1"), "x").acquire()
