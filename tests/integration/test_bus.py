"""From a committed event through relay, inbox and worker to the endpoint, as on the running platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import select

import workers.integration  # noqa: F401  (registers the actors)
from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import IntegrationSync
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import emit
from heidi_services.integration.models import Integration
from tests.integration.helpers import (
    API,
    STRIPE_SECRET,
    create_integration,
    some_id,
    stripe_event,
    stripe_headers,
    user_updated,
)
from workers.actors import ACTORS
from workers.broker import make_broker
from workers.relay import relay_batch


@pytest.fixture
def broker(app: Flask, settings: Settings) -> Iterator[Broker]:
    test_broker = make_broker(settings.broker_url)
    test_broker.flush_all()
    dramatiq.set_broker(test_broker)
    yield test_broker
    test_broker.flush_all()
    test_broker.close()


def work(broker: Broker, *queues: str) -> list[str]:
    """Run the messages in these queues one after the other; returns the names of the actors."""
    actor_names = []
    for queue in queues:
        consumer = broker.consume(queue, prefetch=20, timeout=200)
        for message in consumer:
            if message is None:
                break
            consumer.ack(message)
            ACTORS[message.actor_name].function(*message.args)
            actor_names.append(message.actor_name)
        consumer.close()
    return actor_names


def test_a_received_webhook_is_forwarded_as_a_signed_webhook(
    broker: Broker, client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    me = as_user()
    httpserver.expect_request("/hook").respond_with_data("")
    created = create_integration(
        client,
        me.headers,
        provider="STRIPE",
        credentials={"webhookSecret": STRIPE_SECRET},
        webhookUrl=httpserver.url_for("/hook"),
        config={"eventTypes": ["integration.webhook"]},
    )
    client.post(f"/api/v1/webhooks/stripe/{created['id']}", data=stripe_event(), headers=stripe_headers(stripe_event()))
    assert relay_batch(broker, lambda events: None) == 1
    assert work(broker, "integration", "webhooks") == ["forward_fact", "deliver_webhook"]
    [(request, _)] = httpserver.log
    assert request.json["type"] == "integration.webhook"
    assert request.json["data"]["providerEventType"] == "invoice.paid"
    [row] = client.get(f"{API}/{created['id']}/deliveries", headers=me.headers).json["data"]
    assert row["status"] == "DELIVERED"


def test_an_event_without_a_subscribed_integration_leaves_no_inbox_row(
    broker: Broker, client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    create_integration(client, me.headers, webhookUrl="https://r.example/", config={"eventTypes": ["city.*"]})
    with transaction():
        emit(user_updated(some_id()))
    relay_batch(broker, lambda events: None)
    assert list(db.session.scalars(select(Inbox).where(Inbox.consumer.in_(["forward_fact", "follow_owner"])))) == []


def test_a_sync_from_a_schedule_is_run(
    broker: Broker, client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    created = create_integration(client, as_user().headers, webhookUrl=httpserver.url_for("/hook"))
    integration = db.session.get_one(Integration, created["id"])
    with transaction():
        emit(IntegrationSync(id=integration.id))
    relay_batch(broker, lambda events: None)
    assert work(broker, "integration", "outbound") == ["accept_sync", "run_sync"]
    db.session.expire_all()
    assert db.session.get_one(Integration, created["id"]).last_sync_at is not None
