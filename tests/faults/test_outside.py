"""Programs outside, with nothing of ours but pika: what they hear of the platform, also when RabbitMQ is killed."""

from __future__ import annotations

import json
import os
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
from tests.polling import PATIENCE
from tests.rabbitmq_server import RabbitNode

FACTS = 500
QUEUE = "a-program-outside"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RabbitNode]:
    need_rabbitmq()
    found = RabbitNode(tmp_path / "rabbit")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def relay(app: Flask, settings: Settings, node: RabbitNode) -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {
        "HEIDI_ENV": "test",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": node.url,
        "PUBLIC_BASE_URL": settings.public_base_url,
        "SECRET_KEY": settings.secret_key,
        "ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        "JWT_PUBLIC_KEYS": settings.jwt_public_keys,
    }
    process = subprocess.Popen([sys.executable, "-m", "workers.relay"], cwd=ROOT, env=env)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


def bind(node: RabbitNode) -> None:
    """As a program in any language would do it: a durable queue for `user.*`."""
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    channel = connection.channel()
    channel.exchange_declare("heidi.events", "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True)
    channel.queue_bind(QUEUE, "heidi.events", "user.*")
    connection.close()


def heard(node: RabbitNode) -> list[tuple[str, dict[str, object]]]:
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    channel = connection.channel()
    found = []
    method, _properties, body = channel.basic_get(QUEUE, auto_ack=True)
    while method is not None:  # what was confirmed is in the queue
        found.append((method.routing_key, json.loads(body)))
        method, _properties, body = channel.basic_get(QUEUE, auto_ack=True)
    connection.close()
    return found


def say(number: int) -> list[UUID]:
    with transaction():
        facts = [(UserCreated(id=uuid4(), role=Role.USER, is_active=True), None, None) for _ in range(number)]
        return emit_many(facts)


def unsent() -> int:
    db.session.rollback()
    return db.session.query(OutboxEvent).filter(OutboxEvent.sent_at.is_(None)).count()


def test_a_program_outside_hears_a_cloudevent_of_everyone_who_registers(
    node: RabbitNode, relay: subprocess.Popen[bytes]
) -> None:
    bind(node)
    event_id = say(1)[0]
    wait_for(lambda: unsent() == 0, 120, lambda: "the relay sent nothing")
    [(routing_key, event)] = heard(node)
    assert routing_key == "user.created"
    assert (event["specversion"], event["type"], event["id"]) == ("1.0", "user.created", str(event_id))
    assert event["datacontenttype"] == "application/json"
    assert event["source"] == "/heidi/user"
    assert event["time"].endswith("Z")
    assert set(event["data"]) == {"id", "role", "isActive"}


def test_no_fact_is_lost_outside_that_rabbitmq_had_not_read_when_it_was_killed(
    node: RabbitNode, relay: subprocess.Popen[bytes]
) -> None:
    """A stopped server's socket still takes what is written into it: only a confirm tells that it was read and kept."""
    bind(node)
    said = set(say(1))
    wait_for(lambda: unsent() == 0, 120, lambda: "the relay sent nothing")
    node.freeze()
    said.update(say(FACTS))
    time.sleep(2)  # for the relay to write into the socket, which it should not believe
    node.kill9()
    node.start()
    wait_for(lambda: unsent() == 0, 120, lambda: f"{unsent()} facts are still unsent")
    arrived = {UUID(str(event["id"])) for _key, event in heard(node)}
    assert said - arrived == set(), f"{len(said - arrived)} of {len(said)} facts were lost"
