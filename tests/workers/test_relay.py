"""The relay: every committed event reaches its subscribers and the exchange once, in the order of commits."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from dramatiq import Broker, Message
from flask import Flask
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import CityCreated, NotificationQueued, UserCreated
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from workers.relay import relay_batch


def waiting(broker: Broker, queue: str) -> list[Message]:
    messages = []
    consumer = broker.consume(queue, prefetch=50, timeout=200)
    for message in consumer:
        if message is None:
            break
        messages.append(message)
        consumer.ack(message)
    consumer.close()
    return messages


def emit_user_created() -> UUID:
    with transaction():
        return emit(UserCreated(id=uuid4(), role=Role.USER, is_active=True))


def test_an_event_reaches_the_inbox_of_its_subscriber_the_exchange_and_a_worker(broker: Broker) -> None:
    published: list[OutboxEvent] = []
    event_id = emit_user_created()
    assert relay_batch(broker, published.extend) == 1
    assert [event.id for event in published] == [event_id]
    assert "welcome_user" in db.session.scalars(select(Inbox.consumer).where(Inbox.event_id == event_id)).all()
    assert (str(event_id),) in [m.args for m in waiting(broker, "notification") if m.actor_name == "welcome_user"]


def test_the_event_of_a_rolled_back_transaction_is_not_sent(broker: Broker) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        emit(UserCreated(id=uuid4(), role=Role.USER, is_active=True))
        _ = 1 / 0
    assert relay_batch(broker, lambda events: None) == 0


def test_an_event_is_sent_once(broker: Broker) -> None:
    emit_user_created()
    assert [relay_batch(broker, lambda events: None) for _ in range(3)] == [1, 0, 0]


def test_an_event_that_cannot_be_published_stays_unsent_and_has_no_inbox_row(broker: Broker) -> None:
    def fail(events: Sequence[OutboxEvent]) -> None:
        raise ConnectionError("the broker is unavailable")

    emit_user_created()
    with pytest.raises(ConnectionError):
        relay_batch(broker, fail)
    assert db.session.scalars(select(Inbox)).all() == []
    assert relay_batch(broker, lambda events: None) == 1


def test_a_hint_carries_the_id_of_the_subject_and_needs_no_inbox_row(broker: Broker) -> None:
    notification_id = uuid4()
    with transaction():
        emit(NotificationQueued(id=notification_id, about_user=uuid4(), channel="EMAIL"))
    relay_batch(broker, lambda events: None)
    assert [m.args for m in waiting(broker, "notification")] == [(str(notification_id),)]
    assert db.session.scalars(select(Inbox).where(Inbox.consumer == "deliver_notification")).all() == []


def test_positions_in_the_log_follow_the_order_of_commits_not_of_inserts(app: Flask, broker: Broker) -> None:
    """A transaction that commits late must not appear before what a reader has already passed."""
    session = db.session
    early = OutboxEvent(type="a.b", subject="1", data={})
    with db.engine.connect() as slow:
        late = slow.begin()
        slow.execute(OutboxEvent.__table__.insert().values(id=uuid4(), type="slow.one", subject="1", data={}))
        with transaction():
            session.add(early)
        relay_batch(broker, lambda events: None)
        late.commit()
    relay_batch(broker, lambda events: None)
    order = db.session.scalars(select(OutboxEvent.type).order_by(OutboxEvent.position)).all()
    assert order == ["a.b", "slow.one"]


def test_within_a_batch_the_positions_follow_the_order_of_the_events(broker: Broker) -> None:
    with transaction():
        event_ids = [emit(UserCreated(id=uuid4(), role=Role.USER, is_active=True)) for _ in range(300)]
    relay_batch(broker, lambda events: None)
    assert list(db.session.scalars(select(OutboxEvent.id).order_by(OutboxEvent.position))) == event_ids


def test_the_request_id_travels_with_the_message(broker: Broker) -> None:
    from heidi_common.logger.request_id import bound_request_id

    with bound_request_id("request-id-of-a-client"):
        emit_user_created()
    relay_batch(broker, lambda events: None)
    assert waiting(broker, "notification")[0].options["request_id"] == "request-id-of-a-client"


def test_data_is_camel_case_ids_and_enums_only(app: Flask) -> None:
    city = uuid4()
    with transaction():
        emit(CityCreated(id=city, country="DE"))
    event = db.session.scalars(select(OutboxEvent)).one()
    assert (event.type, event.subject, event.data) == ("city.created", str(city), {"id": str(city), "country": "DE"})
