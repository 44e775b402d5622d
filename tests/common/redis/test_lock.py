import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import redis

from heidi_common.redis import lock as lock_module
from heidi_common.redis.client import connect
from heidi_common.redis.lock import Lock, LockLost, LockNotAcquired, LockUnavailable
from tests.polling import until


@pytest.fixture(scope="module")
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = connect(redis_url.replace("?db=0", "?db=2"))
    yield client
    client.close()


def lease_ms(client: redis.Redis, name: str) -> int:
    """The rest of the lease in milliseconds; -2 if the lock is free."""
    return client.pttl(f"heidi:lock:{{{name}}}")


def record_pauses(monkeypatch: pytest.MonkeyPatch, during_pause: Callable[[], object]) -> list[float]:
    """Replace the clock of the lock module by one that only sleeping moves, and record the pauses."""
    paused: list[float] = []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        during_pause()

    monkeypatch.setattr(lock_module, "time", SimpleNamespace(monotonic=lambda: sum(paused), sleep=sleep))
    return paused


def test_a_lock_has_only_one_holder(client: redis.Redis) -> None:
    with Lock(client, "one"), pytest.raises(LockNotAcquired):
        Lock(client, "one").acquire()


def test_a_lock_is_free_after_a_block_that_raised(client: redis.Redis) -> None:
    with pytest.raises(ZeroDivisionError), Lock(client, "two"):
        raise ZeroDivisionError
    with Lock(client, "two"):
        pass


def test_each_holder_has_a_higher_fencing_token_than_all_before(client: redis.Redis) -> None:
    tokens = []
    for _ in range(3):
        with Lock(client, "three") as lock:
            tokens.append(lock.fencing_token)
    with pytest.raises(LockNotAcquired), Lock(client, "three"):
        Lock(client, "three").acquire()
    with Lock(client, "three") as lock:
        tokens.append(lock.fencing_token)
    assert tokens == sorted(set(tokens))


def test_a_lease_expires_and_its_holder_has_the_lower_fencing_token(client: redis.Redis) -> None:
    late = Lock(client, "four", ttl=0.05)
    late.acquire()
    until(lambda: lease_ms(client, "four") == -2)
    with Lock(client, "four") as next_lock:
        assert next_lock.fencing_token > late.fencing_token


def test_a_late_holder_cannot_release_the_lock_of_the_next(client: redis.Redis) -> None:
    late = Lock(client, "five", ttl=0.05)
    late.acquire()
    until(lambda: lease_ms(client, "five") == -2)
    with Lock(client, "five"):
        assert late.release() is False
        with pytest.raises(LockNotAcquired):
            Lock(client, "five").acquire()


def test_extending_keeps_the_lock_and_fails_when_it_is_lost(client: redis.Redis) -> None:
    lock = Lock(client, "six", ttl=100)
    lock.acquire()
    lock.extend(10_000)
    assert lease_ms(client, "six") > 100_000
    with pytest.raises(LockNotAcquired):
        Lock(client, "six").acquire()
    lock.extend(0.05)
    until(lambda: lease_ms(client, "six") == -2)
    with pytest.raises(LockLost):
        lock.extend(10)


def test_a_waiting_caller_gets_the_lock_when_it_is_free(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Lock(client, "seven")
    first.acquire()
    paused = record_pauses(monkeypatch, first.release)
    with Lock(client, "seven", wait=5):
        assert len(paused) == 1


def test_a_waiting_caller_gives_up_after_its_limit(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = record_pauses(monkeypatch, lambda: None)
    with Lock(client, "eight"), pytest.raises(LockNotAcquired):
        Lock(client, "eight", wait=5).acquire()
    assert 4.9 < sum(paused) <= 5


def test_concurrent_holders_never_overlap(client: redis.Redis) -> None:
    inside: list[int] = []
    holder_counts: list[int] = []

    def work() -> None:
        for _ in range(5):
            with Lock(client, "nine", wait=120):
                inside.append(1)
                holder_counts.append(len(inside))
                time.sleep(0.005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert holder_counts == [1] * 20


def test_only_a_holder_has_a_fencing_token(client: redis.Redis) -> None:
    with pytest.raises(LockLost):
        _ = Lock(client, "ten").fencing_token


def test_without_redis_a_lock_is_unavailable() -> None:
    with pytest.raises(LockUnavailable):
        Lock(connect("redis://127.0.0.1:1"), "x").acquire()
