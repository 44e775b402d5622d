"""Events in Kafka: at least once, in order for each subject, also if the relay is killed before it marks them sent."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from flask import Flask
from sqlalchemy import text
from uuid_utils.compat import uuid7

from heidi_common.cli.doctor_checks import CheckFailed, all_checks
from heidi_common.config.parsers import host_ports
from heidi_common.config.sections.kafka import TOPIC
from heidi_common.config.settings import ConfigError, Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import UserUpdated
from heidi_common.messaging.outbox import OutboxEvent, emit
from tests.certificates import certificate, pem
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.process_environment import process_environment
from tests.workers import kafka_front
from tests.workers.kafka_front import Front, running
from workers import kafka
from workers.kafka import KafkaPublisher, PublishFailed

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal
from workers import relay
relay._mark_sent = lambda _events: os.kill(os.getpid(), signal.SIGKILL)
relay.main()
"""
SUBJECTS, CHANGES = 5, 8


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    """The brokers of a mock cluster in another process."""
    command = [sys.executable, "-m", "tests.workers.kafka_cluster"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    addresses = process.stdout.readline().strip()
    assert addresses.count(":") == 3, addresses
    producer = Producer({"bootstrap.servers": addresses})
    until(lambda: producer.list_topics(TOPIC, timeout=TIMEOUT_SECONDS).topics[TOPIC].partitions)  # creates the topic
    yield addresses
    process.stdin.close()
    process.wait(TIMEOUT_SECONDS)
    process.stdout.close()


class Reader:
    """A client that reads the topic from its current end."""

    def __init__(self, servers: str) -> None:
        self.consumer = Consumer({"bootstrap.servers": servers, "group.id": f"test-{uuid7()}"})
        ends = [
            TopicPartition(TOPIC, number, self.consumer.get_watermark_offsets(TopicPartition(TOPIC, number))[1])
            for number in self.consumer.list_topics(TOPIC, timeout=TIMEOUT_SECONDS).topics[TOPIC].partitions
        ]
        self.consumer.assign(ends)
        self.messages: list[Any] = []

    def read_until(self, ids: set[str]) -> list[dict[str, Any]]:
        """Read until all events have arrived; returns all messages, in the order of each partition."""

        def is_complete() -> bool:
            message = self.consumer.poll(1.0)
            if message is not None:
                assert message.error() is None, message.error()
                self.messages.append(message)
            return ids <= {json.loads(message.value())["id"] for message in self.messages}

        until(is_complete)
        return [json.loads(message.value()) for message in self.messages]


@pytest.fixture
def reader(servers: str) -> Iterator[Reader]:
    opened = Reader(servers)
    yield opened
    opened.consumer.close()


def change_users() -> list[str]:
    """Emit several events for each of several users; returns the IDs in order."""
    users = [uuid7() for _ in range(SUBJECTS)]
    ids = []
    for number in range(CHANGES):
        for user in users:
            with transaction():
                ids.append(str(emit(UserUpdated(id=user, role="USER", is_active=True, changed=(str(number),)))))
    return ids


def run_relay(settings: Settings, servers: str, *command: str) -> subprocess.Popen[bytes]:
    env = process_environment(settings, KAFKA_URL=servers)
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env)


def unsent() -> int:
    db.session.rollback()
    return int(db.session.execute(text("SELECT count(*) FROM outbox WHERE sent_at IS NULL")).scalar_one())


def test_events_are_cloudevents_with_their_subject_as_key(app: Flask, servers: str, reader: Reader) -> None:
    ids = change_users()
    events = [db.session.get_one(OutboxEvent, UUID(identity)) for identity in ids]
    KafkaPublisher({"bootstrap.servers": servers}).publish(events)
    received = reader.read_until({*ids})
    assert sorted(event["id"] for event in received) == sorted(ids)
    for message, event in zip(reader.messages, received, strict=True):
        assert message.key().decode() == event["subject"]
        assert dict(message.headers()) == {"content-type": b"application/cloudevents+json"}
        assert (event["specversion"], event["type"], event["source"]) == ("1.0", "user.updated", "/heidi/user")
        assert event["data"]["role"] == "USER"


def test_a_relay_that_is_killed_before_it_marks_events_loses_none(
    app: Flask, settings: Settings, servers: str, reader: Reader
) -> None:
    ids = change_users()
    killed = run_relay(settings, servers, "-c", KILLED)
    assert killed.wait(TIMEOUT_SECONDS) == -9
    assert unsent() == len(ids)
    first = reader.read_until({*ids})
    relay = run_relay(settings, servers, "-m", "workers.relay")
    try:
        until(lambda: unsent() == 0)
    finally:
        relay.terminate()
        relay.wait(TIMEOUT_SECONDS)
    reader.messages.clear()
    second = reader.read_until({*ids})
    for received in (first, second):
        for subject in {event["subject"] for event in received}:
            changes = [int(event["data"]["changed"][0]) for event in received if event["subject"] == subject]
            assert changes == [*range(CHANGES)]


def test_a_batch_fails_if_kafka_does_not_acknowledge_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT_SECONDS", 1)
    with transaction():
        identity = emit(UserUpdated(id=uuid7(), role="USER", is_active=True))
    publisher = KafkaPublisher({"bootstrap.servers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(PublishFailed, match="Kafka"):
        publisher.publish([db.session.get_one(OutboxEvent, identity)])


Authority = tuple[Any, Any]
PASSWORD = "pä:ss wörd"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return certificate("Test CA")


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The context of brokers that require a certificate of the authority, if `verify_mode` says so."""
    folder = tmp_path_factory.mktemp("kafka")
    chain, key = certificate(kafka_front.HOST, authority)
    (folder / "server.pem").write_text(pem(chain) + pem(key))
    (folder / "ca.pem").write_text(pem(authority[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.fixture
def event(app: Flask) -> OutboxEvent:
    with transaction():
        identity = emit(UserUpdated(id=uuid7(), role="USER", is_active=True))
    return db.session.get_one(OutboxEvent, identity)


def publish(settings: Settings, front: Front, event: OutboxEvent, protocol: str, **changes: str) -> None:
    values = {"kafka_url": front.url, "kafka_security_protocol": protocol} | changes
    KafkaPublisher(settings.changed(**values).kafka_options).publish([event])


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_broker_may_require_a_password(
    settings: Settings,
    servers: str,
    reader: Reader,
    event: OutboxEvent,
    authority: Authority,
    tls: ssl.SSLContext,
    protocol: str,
) -> None:
    context, ca = (tls, pem(authority[0])) if protocol == "SASL_SSL" else (None, "")
    with running(Front(servers, context, f"heidi:{PASSWORD}")) as front:
        publish(settings, front, event, protocol, kafka_username="heidi", kafka_password=PASSWORD, kafka_ca=ca)
        assert front.signed_in >= 1
    reader.read_until({str(event.id)})


def test_a_broker_may_require_a_certificate(
    settings: Settings,
    servers: str,
    reader: Reader,
    event: OutboxEvent,
    authority: Authority,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain, key = certificate("heidi", authority)
    own = {"kafka_ca": pem(authority[0]), "kafka_certificate": pem(chain), "kafka_key": pem(key)}
    monkeypatch.setattr(tls, "verify_mode", ssl.CERT_REQUIRED)
    with running(Front(servers, tls)) as front:
        publish(settings, front, event, "SSL", **own)
    reader.read_until({str(event.id)})


USER = {"kafka_username": "heidi", "kafka_password": PASSWORD}
REJECTED = {
    "a wrong password": ("SASL_PLAINTEXT", False, USER | {"kafka_password": "x"}, "Authentication failed"),
    "an unknown mechanism": ("SASL_PLAINTEXT", False, USER | {"kafka_sasl_mechanism": "SCRAM-SHA-512"}, "mechanism"),
    "an unknown authority": ("SSL", True, {}, "certificate verify failed"),
    "a broker without TLS": ("SSL", False, {}, "SSL handshake failed"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_rejected_connection_says_why(
    settings: Settings,
    servers: str,
    event: OutboxEvent,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT_SECONDS", 3)
    protocol, is_tls, changes, reason = REJECTED[name]
    password = f"heidi:{PASSWORD}" if "SASL" in protocol else None
    with running(Front(servers, tls if is_tls else None, password)) as front:
        with pytest.raises(PublishFailed, match=reason):
            publish(settings, front, event, protocol, **changes)
        changed = settings.changed(kafka_url=front.url, kafka_security_protocol=protocol, **changes)
        (check,) = (item for item in all_checks(changed) if item.name == "Kafka")
        with pytest.raises(CheckFailed, match=reason):
            check.run(changed)


CONFLICTS = {
    "KAFKA_USERNAME and KAFKA_PASSWORD are required": {"KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_USERNAME": "a"},
    "KAFKA_USERNAME and KAFKA_PASSWORD are not used": {"KAFKA_USERNAME": "a", "KAFKA_PASSWORD": "b"},
    "KAFKA_CA, KAFKA_CERTIFICATE and KAFKA_KEY are not used": {"KAFKA_CA": "x"},
    "must be set together": {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_KEY": "x"},
    "is not one of": {"KAFKA_SECURITY_PROTOCOL": "TLS"},
}


@pytest.mark.parametrize("problem", CONFLICTS)
def test_settings_that_do_not_fit_together_are_rejected(settings: Settings, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Settings.from_env(process_environment(settings, KAFKA_URL="kafka:9092", **CONFLICTS[problem]))


def test_doctor_checks_kafka_if_it_is_configured(settings: Settings, servers: str) -> None:
    (check,) = (item for item in all_checks(settings.changed(kafka_url=servers)) if item.name == "Kafka")
    assert check.run(settings.changed(kafka_url=servers)) == "3 brokers"
    assert "Kafka" not in [item.name for item in all_checks(settings)]


@pytest.mark.parametrize("text", ["a:1", "a:1,b:2", " a:9092 , [::1]:9 "])
def test_brokers(text: str) -> None:
    assert host_ports(text) == ",".join(part.strip() for part in text.split(","))


@pytest.mark.parametrize("text", ["a", "a:", ":1", "a:0", "a:99999", "kafka://a:1", "a:1;b:2"])
def test_invalid_brokers_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        host_ports(text)
