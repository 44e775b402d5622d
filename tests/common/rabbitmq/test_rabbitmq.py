import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from heidi_common.logger.request_id import bound_request_id, request_id
from heidi_common.problems import Conflict
from heidi_common.rabbitmq import (
    EVENTS,
    REQUESTS,
    IncomingMessage,
    NoServer,
    NotConfirmed,
    OutgoingMessage,
    Publisher,
    RequestFailed,
    RequestTimedOut,
    request,
    serve,
    subscribe,
)
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.polling import PATIENCE, until
from tests.rabbitmq_server import RabbitNode


@contextmanager
def background(run: Callable[..., None], *args: Any) -> Iterator[threading.Event]:
    """``subscribe`` or ``serve`` in a thread, standing, until the end of the block."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=run, args=args, kwargs={"stop": stop, "ready": ready}, daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield ready
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def waiting_in(rabbit: RabbitNode, queue: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        return int(connection.channel().queue_declare(queue, passive=True).method.message_count)


def bind_queue(rabbit: RabbitNode, queue: str, pattern: str, **arguments: Any) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
        channel.queue_declare(queue, durable=True, arguments=arguments)
        channel.queue_bind(queue, EVENTS, pattern)


def test_a_subscriber_gets_what_matches_its_patterns_in_order(rabbit: RabbitNode) -> None:
    got: list[IncomingMessage] = []
    publisher = Publisher(rabbit.url)
    with background(subscribe, rabbit.url, ["user.*", "city.created"], got.append):
        publisher.publish("user.created", {"id": 1}, {"requestid": "r"})
        publisher.publish("city.updated", {"id": 2})
        publisher.publish("city.created", {"id": 3})
        until(lambda: len(got) == 2)
    publisher.close()
    assert got[0] == IncomingMessage("user.created", {"id": 1}, {"requestid": "r"}, False)
    assert got[1].body == {"id": 3}


def test_a_batch_arrives_whole_and_in_order(rabbit: RabbitNode) -> None:
    bind_queue(rabbit, "batch", "batch.#")
    publisher = Publisher(rabbit.url)
    publisher.publish_many(OutgoingMessage("batch.x", {"n": n}, message_id=str(n)) for n in range(2000))
    publisher.publish_many([])
    publisher.close()
    assert waiting_in(rabbit, "batch") == 2000
    got: list[int] = []
    with background(subscribe, rabbit.url, [], lambda message: got.append(message.body["n"]), "batch"):
        until(lambda: len(got) == 2000)
    assert got == list(range(2000))


def test_a_batch_does_not_wait_for_each_confirm(rabbit: RabbitNode, monkeypatch: pytest.MonkeyPatch) -> None:
    bind_queue(rabbit, "waits", "waits.#")
    publisher = Publisher(rabbit.url)
    publisher.publish("waits.x", {})
    flush, waits = BlockingChannel._flush_output, []

    def counted(channel: BlockingChannel, *until: Callable[[], bool]) -> None:
        waits.extend(until)
        flush(channel, *until)

    monkeypatch.setattr(BlockingChannel, "_flush_output", counted)
    publisher.publish_many([OutgoingMessage("waits.x", {})] * 1000)
    assert len(waits) == 1
    publisher.close()
    assert waiting_in(rabbit, "waits") == 1001


def test_a_message_that_the_broker_refuses_is_an_error(rabbit: RabbitNode) -> None:
    bind_queue(rabbit, "full", "full.#", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    publisher = Publisher(rabbit.url)
    publisher.publish("full.x", {})
    with pytest.raises(NotConfirmed):
        publisher.publish("full.x", {})
    publisher.publish("other.x", {})  # and the publisher is still good
    publisher.close()


def test_messages_for_a_named_queue_wait_for_its_subscriber(rabbit: RabbitNode) -> None:
    got: list[IncomingMessage] = []
    with background(subscribe, rabbit.url, ["later.*"], got.append, "later"):
        pass
    publisher = Publisher(rabbit.url)
    publisher.publish("later.x", {"n": 1})
    publisher.close()
    assert got == []
    with background(subscribe, rabbit.url, ["later.*"], got.append, "later"):
        until(lambda: len(got) == 1)


def test_a_failing_handler_sees_a_message_twice_and_no_more(rabbit: RabbitNode) -> None:
    seen: list[tuple[str, bool]] = []

    def handle(message: IncomingMessage) -> None:
        seen.append((message.routing_key, message.redelivered))
        if message.routing_key == "poison.x":
            raise ValueError("cannot digest")

    publisher = Publisher(rabbit.url)
    with background(subscribe, rabbit.url, ["poison.*"], handle, "poison"):
        publisher.publish("poison.x", {})
        publisher.publish("poison.x", b"no json")
        until(lambda: len(seen) == 2)
        publisher.publish("poison.y", {})
        until(lambda: len(seen) == 3)
    publisher.close()
    assert seen == [("poison.x", False), ("poison.x", True), ("poison.y", False)]
    assert waiting_in(rabbit, "poison") == 0


def test_a_request_gets_its_answer_and_its_request_id_travels(rabbit: RabbitNode) -> None:
    def handle(payload: Any) -> Any:
        return {"sum": sum(payload["numbers"]), "request": request_id()}

    with background(serve, rabbit.url, "sum", handle), bound_request_id("request-4711"):
        answer = request(rabbit.url, "sum", {"numbers": [1, 2, 3]}, timeout=PATIENCE)
    assert answer == {"sum": 6, "request": "request-4711"}


def test_requests_at_the_same_time_get_their_own_answers(rabbit: RabbitNode) -> None:
    answers: dict[int, int] = {}

    def ask(number: int) -> None:
        answers[number] = request(rabbit.url, "square", number, timeout=PATIENCE)

    with background(serve, rabbit.url, "square", lambda n: n * n):
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert answers == {n: n * n for n in range(8)}


def test_a_failed_request_tells_a_domain_error_and_hides_any_other(rabbit: RabbitNode) -> None:
    def handle(payload: Any) -> Any:
        if payload == "taken":
            raise Conflict("That is taken.", code="taken")
        raise RuntimeError("password=hunter2")

    with background(serve, rabbit.url, "fail", handle):
        with pytest.raises(RequestFailed) as told:
            request(rabbit.url, "fail", "taken", timeout=PATIENCE)
        with pytest.raises(RequestFailed) as hidden:
            request(rabbit.url, "fail", "else", timeout=PATIENCE)
    assert (told.value.code, told.value.detail) == ("taken", "That is taken.")
    assert hidden.value.code == "internal_error" and "hunter2" not in str(hidden.value)


def test_a_request_that_nobody_serves_fails_and_does_not_wait_for_an_answer(rabbit: RabbitNode) -> None:
    with pytest.raises(NoServer):
        request(rabbit.url, "nobody", {}, timeout=PATIENCE)


def test_a_request_without_an_answer_in_time_says_so_and_is_not_carried_out_later(rabbit: RabbitNode) -> None:
    begun: list[Any] = []
    release = threading.Event()

    def handle(payload: Any) -> None:
        begun.append(payload)
        release.wait(PATIENCE)

    with background(serve, rabbit.url, "slow", handle):
        first = threading.Thread(target=request, args=(rabbit.url, "slow", "first", PATIENCE), daemon=True)
        first.start()
        until(lambda: begun == ["first"])
        with pytest.raises(RequestTimedOut, match="slow did not respond"):
            request(rabbit.url, "slow", "late", timeout=5)
        until(lambda: waiting_in(rabbit, f"{REQUESTS}.slow") == 0)  # the broker counts from when it came
        release.set()
        request(rabbit.url, "slow", "last", timeout=PATIENCE)
        first.join(PATIENCE)
    assert begun == ["first", "last"]


def test_without_a_broker_publishing_ends_with_an_error() -> None:
    with pytest.raises((OSError, pika.exceptions.AMQPError)):
        Publisher("amqp://guest:guest@127.0.0.1:1/", give_up_after=0.5).publish("x.y", {})


def test_what_was_confirmed_survives_a_killed_broker_and_both_sides_come_back(tmp_path: Path) -> None:
    need_rabbitmq()
    node = RabbitNode(tmp_path)
    node.start()
    try:
        got: list[int] = []
        confirmed: list[int] = []
        publisher = Publisher(node.url, give_up_after=300)
        stop = threading.Event()

        def publish() -> None:
            number = 0
            while not stop.is_set():
                publisher.publish_many(OutgoingMessage("kill.x", {"n": n}) for n in range(number, number + 20))
                confirmed.extend(range(number, number + 20))
                number += 20

        with background(subscribe, node.url, ["kill.*"], lambda message: got.append(message.body["n"]), "kill"):
            thread = threading.Thread(target=publish, daemon=True)
            thread.start()
            until(lambda: len(confirmed) > 100)
            node.kill9()
            before = len(confirmed)
            node.start()
            until(lambda: len(confirmed) > before + 100, 120)
            stop.set()
            thread.join(120)
            until(lambda: set(confirmed) <= set(got), 120)
        publisher.close()
        assert len(confirmed) > before
    finally:
        node.stop()
