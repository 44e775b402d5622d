"""Consumers on Redis: announcements wake them, they respect their limits, and they poll in case one is lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Worker
from dramatiq.broker import MessageProxy

from tests.polling import TIMEOUT_SECONDS, until
from workers import redis_broker
from workers.actors import hint
from workers.broker import QUEUES
from workers.consumption import bounded_prefetch
from workers.redis_broker import WaitingConsumer, WakingRedisBroker


@pytest.fixture
def broker(broker: Broker) -> WakingRedisBroker:
    assert isinstance(broker, WakingRedisBroker)
    return broker


def wait_until_subscribed(broker: WakingRedisBroker) -> None:
    broker.announcements.wake_up_of("core")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while broker.announcements.poll_seconds != redis_broker.SUBSCRIBED_POLL_SECONDS:
        assert time.monotonic() < deadline, "not subscribed"
        time.sleep(0.01)


def next_message(consumer: Any) -> MessageProxy:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (message := next(consumer)) is None:
        assert time.monotonic() < deadline, "no message"
    return message  # type: ignore[no-any-return]


def test_a_waiting_consumer_is_woken_by_an_announcement(
    broker: WakingRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_broker, "SUBSCRIBED_POLL_SECONDS", 10 * TIMEOUT_SECONDS)
    wait_until_subscribed(broker)
    consumer = broker.consume("core", prefetch=2, timeout=round(5000 * TIMEOUT_SECONDS))
    assert isinstance(consumer, WaitingConsumer)
    consumer._fetch()
    sender = threading.Timer(0.1, lambda: broker.enqueue(hint("core", "x", "1")))
    sender.start()
    assert next_message(consumer).args == ("1",)
    sender.join()


def test_a_message_whose_announcement_was_lost_is_found_by_polling(
    broker: WakingRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_broker, "SUBSCRIBED_POLL_SECONDS", 0.2)
    wait_until_subscribed(broker)
    consumer = broker.consume("core", prefetch=2, timeout=100)
    while next(consumer) is not None:
        pass
    monkeypatch.setattr(broker.announcements, "publish", lambda queue_name: None)
    broker.enqueue(hint("core", "x", "1"))
    assert next_message(consumer).args == ("1",)


def test_consumers_are_woken_again_after_the_connection_was_lost(
    broker: WakingRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until_subscribed(broker)
    wake_up = broker.announcements.wake_up_of("core")
    wake_up.clear()
    monkeypatch.setattr(redis_broker, "RECONNECT_SECONDS", 0.01)
    broker.client.client_kill_filter(_type="pubsub")
    assert wake_up.wait(TIMEOUT_SECONDS), "missed announcements must be made up for"
    wait_until_subscribed(broker)


def test_an_acknowledgement_makes_room_for_the_next_message(
    broker: WakingRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_broker, "SUBSCRIBED_POLL_SECONDS", 10 * TIMEOUT_SECONDS)
    wait_until_subscribed(broker)
    for number in range(3):
        broker.enqueue(hint("core", "x", str(number)))
    consumer = broker.consume("core", prefetch=4, timeout=100)
    first, second = next_message(consumer), next_message(consumer)
    assert next(consumer) is None, "as many messages as threads are being processed"
    consumer.ack(first)
    assert next_message(consumer).args == ("2",)
    consumer.nack(second)


def test_bulk_messages_leave_threads_to_urgent_ones() -> None:
    assert [bounded_prefetch("notification", 16), bounded_prefetch("bulk", 16)] == [8, 4]
    assert [bounded_prefetch("notification", 1), bounded_prefetch("bulk", 2)] == [1, 1]


@pytest.mark.parametrize("threads", [4, 8, 16, 50])
def test_work_that_waits_for_strangers_leaves_a_thread_to_urgent_work_even_beside_bulk_work(threads: int) -> None:
    taken = [bounded_prefetch(queue, 2 * threads) for queue in ("outbound", "bulk")]
    assert min(taken) >= 1 and sum(taken) < threads


def test_a_worker_consumes_every_queue_and_no_delay_queue(broker: WakingRedisBroker) -> None:
    worker = Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    try:
        assert set(worker.consumers) == set(QUEUES)
    finally:
        worker.stop()


def test_slow_urls_beside_a_mailing_do_not_delay_an_urgent_message(broker: WakingRedisBroker) -> None:
    """More slow calls and bulk messages than threads wait; the urgent message is processed while they do."""
    finish, is_sent, in_progress = threading.Event(), threading.Event(), []

    def wait(queue: str) -> None:
        in_progress.append(queue)
        finish.wait(TIMEOUT_SECONDS)

    for queue in ("outbound", "bulk"):
        dramatiq.actor(actor_name=f"slow_{queue}", queue_name=queue, broker=broker)(wait)
    dramatiq.actor(actor_name="urgent", queue_name="notification", broker=broker)(is_sent.set)
    for queue in ("outbound", "bulk"):
        for _ in range(12):
            broker.enqueue(hint(queue, f"slow_{queue}", queue))
    worker = Worker(broker, worker_timeout=100, worker_threads=8)
    worker.start()
    try:
        until(lambda: len(in_progress) == 7)
        assert (in_progress.count("outbound"), in_progress.count("bulk")) == (3, 4)
        broker.enqueue(hint("notification", "urgent"))
        assert is_sent.wait(TIMEOUT_SECONDS)
        assert not finish.is_set()
    finally:
        finish.set()
        worker.stop()
