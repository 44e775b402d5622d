"""External programs that use only pika: which events they receive, also when RabbitMQ is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pika
import pytest
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import UserCreated
from heidi_common.messaging.outbox import OutboxEvent, emit_many
from tests.faults.platform import ROOT, wait_for
from tests.fixtures_rabbitmq import need_rabbitmq
from tests.polling import TIMEOUT_SECONDS
from tests.process_environment import process_environment
from tests.rabbitmq_server import RabbitNode

EVENTS = 500
QUEUE = "external-program"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RabbitNode]:
    need_rabbitmq()
    node = RabbitNode(tmp_path / "rabbit")
    node.start()
    yield node
    node.stop()


@pytest.fixture
def relay(app: Flask, settings: Settings, node: RabbitNode) -> Iterator[subprocess.Popen[bytes]]:
    env = process_environment(settings, BROKER_URL=node.url)
    process = subprocess.Popen([sys.executable, "-m", "workers.relay"], cwd=ROOT, env=env)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(TIMEOUT_SECONDS)


def bind(node: RabbitNode) -> None:
    """Bind a durable queue for `user.*`, as a program in any language would do it."""
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    channel = connection.channel()
    channel.exchange_declare("heidi.events", "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True)
    channel.queue_bind(QUEUE, "heidi.events", "user.*")
    connection.close()


def received(node: RabbitNode) -> list[tuple[str, dict[str, object]]]:
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    channel = connection.channel()
    events = []
    method, _properties, body = channel.basic_get(QUEUE, auto_ack=True)
    while method is not None:  # a confirmed message is in the queue
        events.append((method.routing_key, json.loads(body)))
        method, _properties, body = channel.basic_get(QUEUE, auto_ack=True)
    connection.close()
    return events


def emit_users(number: int) -> list[UUID]:
    with transaction():
        events = [(UserCreated(id=uuid4(), role=Role.USER, is_active=True), None, None) for _ in range(number)]
        return emit_many(events)


def unsent() -> int:
    db.session.rollback()
    return db.session.query(OutboxEvent).filter(OutboxEvent.sent_at.is_(None)).count()


def test_an_external_program_receives_a_cloudevent_for_each_new_user(
    node: RabbitNode, relay: subprocess.Popen[bytes]
) -> None:
    bind(node)
    event_id = emit_users(1)[0]
    wait_for(lambda: unsent() == 0, 120, lambda: "the relay sent nothing")
    [(routing_key, event)] = received(node)
    assert routing_key == "user.created"
    assert (event["specversion"], event["type"], event["id"]) == ("1.0", "user.created", str(event_id))
    assert event["datacontenttype"] == "application/json"
    assert event["source"] == "/heidi/user"
    assert event["time"].endswith("Z")
    assert set(event["data"]) == {"id", "role", "isActive"}


def test_no_event_is_lost_that_rabbitmq_had_not_read_when_it_was_killed(
    node: RabbitNode, relay: subprocess.Popen[bytes]
) -> None:
    """The socket of a stopped server still accepts data: only a confirm proves that a message was stored."""
    bind(node)
    emitted = set(emit_users(1))
    wait_for(lambda: unsent() == 0, 120, lambda: "the relay sent nothing")
    node.freeze()
    emitted.update(emit_users(EVENTS))
    time.sleep(2)  # for the relay to write into the socket; that must not count as published
    node.kill9()
    node.start()
    wait_for(lambda: unsent() == 0, 120, lambda: f"{unsent()} events are still unsent")
    arrived = {UUID(str(event["id"])) for _key, event in received(node)}
    assert emitted - arrived == set(), f"{len(emitted - arrived)} of {len(emitted)} events were lost"
