"""Single commands use idle connections of the client; a dead one is replaced, a late response is never used."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import redis

from heidi_common.redis.client import connect, mget
from heidi_standalone.servers.valkey import Valkey


def connections(client: redis.Redis) -> int:
    return len(client.client_list())  # type: ignore[arg-type]


def test_one_connection_serves_one_command_after_the_other(client: redis.Redis) -> None:
    client.set("a", "1", ex=60)
    before = connections(client)
    for _ in range(10):
        assert mget(client, ["a", "b"]) == [b"1", None]
    assert connections(client) == before


def test_an_error_of_the_server_leaves_the_connection_usable(client: redis.Redis) -> None:
    client.set("a", "text")
    for _ in range(3):
        with pytest.raises(redis.ResponseError):
            client.incr("a")
        assert client.get("a") == b"text"


def test_threads_do_not_receive_each_others_responses(client: redis.Redis) -> None:
    wrong: list[object] = []

    def read(key: str) -> None:
        for number in range(200):
            client.set(key, f"{key}{number}")
            value = client.get(key)
            if value != f"{key}{number}".encode():
                wrong.append(value)

    threads = [threading.Thread(target=read, args=[name]) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_restarted_server_costs_no_error(tmp_path: Path) -> None:
    server = Valkey(tmp_path / "valkey", durable=False)
    server.start()
    client = connect(server.url(), timeout=5)
    try:
        assert client.ping()
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        server.start()
        assert client.get("a") is None
        server.stop()
        server.start()
        assert client.get("a") is None
    finally:
        client.close()
        server.stop()


def test_a_response_after_the_timeout_is_not_that_of_the_next_command(redis_url: str) -> None:
    client = connect(redis_url.partition("&")[0], timeout=0.2)
    client.set("a", "1")
    with pytest.raises(redis.TimeoutError):
        client.eval("local t = redis.call('time')[1] + 2 while redis.call('time')[1] + 0 < t do end return 'late'", 0)
    with connect(redis_url) as patient:  # waits until the script has ended
        patient.ping()
    assert client.get("a") == b"1"
    client.close()


def test_a_forked_process_does_not_use_the_connections_of_its_parent(client: redis.Redis) -> None:
    own = client.execute_command("CLIENT", "ID")  # type: ignore[no-untyped-call]
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writer, str(client.execute_command("CLIENT", "ID")).encode())  # type: ignore[no-untyped-call]
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reader, 100)) != own
    os.close(reader)
    os.close(writer)
    assert client.execute_command("CLIENT", "ID") == own  # type: ignore[no-untyped-call]
