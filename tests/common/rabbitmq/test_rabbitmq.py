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
from heidi_common.rabbitmq.connection import EVENTS, REQUESTS
from heidi_common.rabbitmq.publisher import NotConfirmed, OutgoingMessage, Publisher
from heidi_common.rabbitmq.rpc import NoServer, RequestFailed, RequestTimedOut, request, serve
from heidi_common.rabbitmq.subscriber import IncomingMessage, subscribe
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.polling import TIMEOUT_SECONDS, until
from tests.rabbitmq_server import RabbitNode


@contextmanager
def background(run: Callable[..., None], *args: Any) -> Iterator[threading.Event]:
    """Run `subscribe` or `serve` in a thread until the end of the block. It is ready when the block begins."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=run, args=args, kwargs={"stop": stop, "ready": ready}, daemon=True)
    thread.start()
    assert ready.wait(TIMEOUT_SECONDS)
    try:
        yield ready
    finally:
        stop.set()
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()


def message_count(rabbit: RabbitNode, queue: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        return int(connection.channel().queue_declare(queue, passive=True).method.message_count)


def bind_queue(rabbit: RabbitNode, queue: str, pattern: str, **arguments: Any) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbit.url)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
        channel.queue_declare(queue, durable=True, arguments=arguments)
        channel.queue_bind(queue, EVENTS, pattern)


def test_a_subscriber_receives_matching_messages_in_order(rabbit: RabbitNode) -> None:
    received: list[IncomingMessage] = []
    publisher = Publisher(rabbit.url)
    with background(subscribe, rabbit.url, ["user.*", "city.created"], received.append):
        publisher.publish("user.created", {"id": 1}, {"requestid": "r"})
        publisher.publish("city.updated", {"id": 2})
        publisher.publish("city.created", {"id": 3})
        until(lambda: len(received) == 2)
    publisher.close()
    assert received[0] == IncomingMessage("user.created", {"id": 1}, {"requestid": "r"}, False)
    assert received[1].body == {"id": 3}


def test_a_batch_arrives_completely_and_in_order(rabbit: RabbitNode) -> None:
    bind_queue(rabbit, "batch", "batch.#")
    publisher = Publisher(rabbit.url)
    publisher.publish_many(OutgoingMessage("batch.x", {"n": n}, message_id=str(n)) for n in range(2000))
    publisher.publish_many([])
    publisher.close()
    assert message_count(rabbit, "batch") == 2000
    received: list[int] = []
    with background(subscribe, rabbit.url, [], lambda message: received.append(message.body["n"]), "batch"):
        until(lambda: len(received) == 2000)
    assert received == list(range(2000))


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
    assert message_count(rabbit, "waits") == 1001


def test_a_message_that_the_broker_rejects_is_an_error(rabbit: RabbitNode) -> None:
    bind_queue(rabbit, "full", "full.#", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    publisher = Publisher(rabbit.url)
    publisher.publish("full.x", {})
    with pytest.raises(NotConfirmed):
        publisher.publish("full.x", {})
    publisher.publish("other.x", {})  # the publisher still works
    publisher.close()


def test_messages_for_a_named_queue_wait_for_its_subscriber(rabbit: RabbitNode) -> None:
    received: list[IncomingMessage] = []
    with background(subscribe, rabbit.url, ["later.*"], received.append, "later"):
        pass
    publisher = Publisher(rabbit.url)
    publisher.publish("later.x", {"n": 1})
    publisher.close()
    assert received == []
    with background(subscribe, rabbit.url, ["later.*"], received.append, "later"):
        until(lambda: len(received) == 1)


def test_a_failing_handler_receives_a_message_twice(rabbit: RabbitNode) -> None:
    seen: list[tuple[str, bool]] = []

    def handle(message: IncomingMessage) -> None:
        seen.append((message.routing_key, message.redelivered))
        if message.routing_key == "poison.x":
            raise ValueError("cannot handle")

    publisher = Publisher(rabbit.url)
    with background(subscribe, rabbit.url, ["poison.*"], handle, "poison"):
        publisher.publish("poison.x", {})
        publisher.publish("poison.x", b"no json")
        until(lambda: len(seen) == 2)
        publisher.publish("poison.y", {})
        until(lambda: len(seen) == 3)
    publisher.close()
    assert seen == [("poison.x", False), ("poison.x", True), ("poison.y", False)]
    assert message_count(rabbit, "poison") == 0


def test_a_request_gets_its_response_and_passes_its_request_id_on(rabbit: RabbitNode) -> None:
    def handle(payload: Any) -> Any:
        return {"sum": sum(payload["numbers"]), "request": request_id()}

    with background(serve, rabbit.url, "sum", handle), bound_request_id("request-4711"):
        response = request(rabbit.url, "sum", {"numbers": [1, 2, 3]}, timeout=TIMEOUT_SECONDS)
    assert response == {"sum": 6, "request": "request-4711"}


def test_concurrent_requests_get_their_own_responses(rabbit: RabbitNode) -> None:
    responses: dict[int, int] = {}

    def send_request(number: int) -> None:
        responses[number] = request(rabbit.url, "square", number, timeout=TIMEOUT_SECONDS)

    with background(serve, rabbit.url, "square", lambda n: n * n):
        threads = [threading.Thread(target=send_request, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)
    assert responses == {n: n * n for n in range(8)}


def test_a_failed_request_reports_a_domain_error_and_hides_other_errors(rabbit: RabbitNode) -> None:
    def handle(payload: Any) -> Any:
        if payload == "taken":
            raise Conflict("That is taken.", code="taken")
        raise RuntimeError("password=hunter2")

    with background(serve, rabbit.url, "fail", handle):
        with pytest.raises(RequestFailed) as domain_error:
            request(rabbit.url, "fail", "taken", timeout=TIMEOUT_SECONDS)
        with pytest.raises(RequestFailed) as other_error:
            request(rabbit.url, "fail", "else", timeout=TIMEOUT_SECONDS)
    assert (domain_error.value.code, domain_error.value.detail) == ("taken", "That is taken.")
    assert other_error.value.code == "internal_error" and "hunter2" not in str(other_error.value)


def test_a_request_that_no_process_serves_fails_without_waiting(rabbit: RabbitNode) -> None:
    with pytest.raises(NoServer):
        request(rabbit.url, "unserved", {}, timeout=TIMEOUT_SECONDS)


def test_a_request_that_times_out_is_not_carried_out_later(rabbit: RabbitNode) -> None:
    handled: list[Any] = []
    release = threading.Event()

    def handle(payload: Any) -> None:
        handled.append(payload)
        release.wait(TIMEOUT_SECONDS)

    with background(serve, rabbit.url, "slow", handle):
        first = threading.Thread(target=request, args=(rabbit.url, "slow", "first", TIMEOUT_SECONDS), daemon=True)
        first.start()
        until(lambda: handled == ["first"])
        with pytest.raises(RequestTimedOut, match="slow did not respond"):
            request(rabbit.url, "slow", "late", timeout=5)
        until(lambda: message_count(rabbit, f"{REQUESTS}.slow") == 0)  # its expiry begins when the broker receives it
        release.set()
        request(rabbit.url, "slow", "last", timeout=TIMEOUT_SECONDS)
        first.join(TIMEOUT_SECONDS)
    assert handled == ["first", "last"]


def test_publishing_without_a_broker_raises() -> None:
    with pytest.raises((OSError, pika.exceptions.AMQPError)):
        Publisher("amqp://guest:guest@127.0.0.1:1/", give_up_after=0.5).publish("x.y", {})


def test_confirmed_messages_survive_a_killed_broker_and_both_sides_reconnect(tmp_path: Path) -> None:
    need_rabbitmq()
    node = RabbitNode(tmp_path)
    node.start()
    try:
        received: list[int] = []
        confirmed: list[int] = []
        publisher = Publisher(node.url, give_up_after=300)
        stop = threading.Event()

        def publish() -> None:
            number = 0
            while not stop.is_set():
                publisher.publish_many(OutgoingMessage("kill.x", {"n": n}) for n in range(number, number + 20))
                confirmed.extend(range(number, number + 20))
                number += 20

        with background(subscribe, node.url, ["kill.*"], lambda message: received.append(message.body["n"]), "kill"):
            thread = threading.Thread(target=publish, daemon=True)
            thread.start()
            until(lambda: len(confirmed) > 100)
            node.kill9()
            before = len(confirmed)
            node.start()
            until(lambda: len(confirmed) > before + 100, 120)
            stop.set()
            thread.join(120)
            until(lambda: set(confirmed) <= set(received), 120)
        publisher.close()
        assert len(confirmed) > before
    finally:
        node.stop()
