"""Quorum queues, and what RabbitMQ 4 no longer has, on the installed version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dramatiq
import pika
import pytest
from dramatiq import Broker, Message, Worker

from heidi_common.rabbitmq.publisher import Publisher
from heidi_common.rabbitmq.rpc import request, serve
from heidi_common.rabbitmq.subscriber import subscribe
from tests.common.rabbitmq.test_rabbitmq import background
from tests.polling import TIMEOUT_SECONDS, until
from tests.rabbitmq_server import RabbitNode
from workers.actors import hint
from workers.broker import QUEUES, make_broker

REMOVED_IN_4 = {
    "classic_queue_mirroring": "policies with `ha-mode`",
    "queue_master_locator": "the argument or policy `x-queue-master-locator`",
    "global_qos": "basic.qos with `global`",
    "transient_nonexcl_queues": "queues that are neither durable nor exclusive",
    "ram_node_type": "nodes of the type ram",
    "amqp_address_v1": "addresses of AMQP 1.0, which the platform does not speak",
    "amqp_filter_set_bug": "filters of AMQP 1.0",
    "management_metrics_collection": "statistics of the management plugin; alerts use those of rabbitmq_prometheus",
}
"""What RabbitMQ 3.13 lists as deprecated. The platform must use none of it.

Source: `rabbitmqctl list_deprecated_features` of 3.13, https://www.rabbitmq.com/docs/deprecated-features-list
"""


def rows(rabbit: RabbitNode, *command: str) -> list[dict[str, Any]]:
    """The table that a command of rabbitmqctl prints."""
    table: list[dict[str, Any]] = json.loads(rabbit.ctl("--formatter", "json", "--quiet", *command))
    return table


@pytest.fixture(scope="module")
def quorum_url(rabbit: RabbitNode) -> str:
    """A virtual host whose queues are quorum queues, as docs/broker.md creates it."""
    rabbit.ctl("add_vhost", "quorum", "--default-queue-type", "quorum")
    rabbit.ctl("set_permissions", "--vhost", "quorum", "guest", ".*", ".*", ".*")
    return rabbit.url.replace("%2F", "quorum")


@pytest.fixture
def broker(quorum_url: str) -> Iterator[Broker]:
    running = make_broker(quorum_url)
    before = dramatiq.broker.global_broker
    yield running
    running.close()
    dramatiq.broker.global_broker = before


@pytest.fixture
def worker(broker: Broker) -> Iterator[list[tuple[str, ...]]]:
    """A worker with an actor on each queue; returns the IDs with which they were called."""
    called: list[tuple[str, ...]] = []
    for queue in QUEUES:
        dramatiq.actor(actor_name=f"on_{queue}", queue_name=queue, broker=broker)(lambda *ids: called.append(ids))
    running = Worker(broker, worker_threads=2, worker_timeout=100)
    running.start()
    yield called
    running.stop(timeout=int(TIMEOUT_SECONDS) * 1000)


def test_the_platforms_queues_are_quorum_queues_where_these_are_the_default(
    rabbit: RabbitNode, broker: Broker, worker: list[tuple[str, ...]], quorum_url: str
) -> None:
    for queue in QUEUES:
        broker.enqueue(hint(queue, f"on_{queue}", queue))
    until(lambda: len(worker) == len(QUEUES))
    assert sorted(worker) == sorted((queue,) for queue in QUEUES)
    types = {row["name"]: row["type"] for row in rows(rabbit, "list_queues", "--vhost", "quorum", "name", "type")}
    assert set(QUEUES) <= types.keys()
    assert {name for name, kind in types.items() if kind != "quorum" and not name.startswith("heidi.requests")} == set()


def test_events_and_requests_work_where_quorum_queues_are_the_default(quorum_url: str) -> None:
    received: list[Any] = []
    publisher = Publisher(quorum_url)
    with background(subscribe, quorum_url, ["user.*"], received.append, "external"):
        publisher.publish("user.created", {"id": 1})
        until(lambda: len(received) == 1)
    publisher.close()
    with background(serve, quorum_url, "echo", lambda payload: payload):
        assert request(quorum_url, "echo", {"x": 1}, timeout=TIMEOUT_SECONDS) == {"x": 1}


def test_nothing_that_rabbitmq_4_has_removed_is_used(
    rabbit: RabbitNode, broker: Broker, worker: list[tuple[str, ...]], quorum_url: str
) -> None:
    with (
        background(subscribe, quorum_url, ["user.*"], lambda _: None),
        background(serve, quorum_url, "x", lambda payload: payload),
    ):
        queues = rows(rabbit, "list_queues", "--vhost", "quorum", "name", "durable", "exclusive", "arguments")
        assert {row["name"] for row in queues if not row["durable"] and not row["exclusive"]} == set()
        assert "x-queue-master-locator" not in str(queues)
        channels = rows(rabbit, "list_channels", "global_prefetch_count")
        assert {row["global_prefetch_count"] for row in channels} == {0}
        assert rows(rabbit, "list_policies", "--vhost", "quorum") == []
        if "list_deprecated_features" in rabbit.ctl("help"):
            used = {row["name"] for row in rows(rabbit, "list_deprecated_features", "--used", "name")}
            assert used & REMOVED_IN_4.keys() == set()


def test_frames_are_as_large_as_rabbitmq_4_requires(rabbit: RabbitNode) -> None:
    parameters = pika.URLParameters(rabbit.url)
    assert parameters.frame_max is None or parameters.frame_max >= 8192


def test_messages_of_the_previous_release_are_read() -> None:
    """The queues are not emptied by an upgrade."""
    stored = (
        b'{"queue_name":"notification","actor_name":"deliver_notification","args":["0190a1b2-0000-7000-8000-000000000001"],'
        b'"kwargs":{},"options":{"request_id":"r1"},"message_id":"5f0c8a1e-0000-4000-8000-000000000000",'
        b'"message_timestamp":1764340000000}'
    )
    message = Message.decode(stored)
    assert message.options == {"request_id": "r1"}
