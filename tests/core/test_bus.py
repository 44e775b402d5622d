"""Core's subscriptions, as a worker runs them."""

from datetime import timedelta
from uuid import UUID

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from flask import Flask
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import CoreOperation, Event, UserCreated
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.redis.cache import redis_cache
from heidi_services.core.models import Operation
from heidi_services.core.service import overview
from workers import core
from workers.actors import ACTORS
from workers.periodic_tasks import delete_expired_events


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> StubBroker:
    broker = StubBroker()
    broker.declare_queue("core")
    monkeypatch.setattr(dramatiq, "get_broker", lambda: broker)
    return broker


def handle(consumer: str, event: Event, **sealed: object) -> UUID:
    """Write what the relay writes, and run the actor that it wakes."""
    with transaction():
        event_id = emit(event, secret_data=sealed or None)
        db.session.add(Inbox(event_id=event_id, consumer=consumer))
    ACTORS[consumer].function(str(event_id))
    return event_id


def test_an_operation_requested_by_an_event_gets_a_row_and_wakes_a_worker(app: Flask, broker: StubBroker) -> None:
    operation_id = uuid7()
    event = CoreOperation(id=operation_id, operation="onboard-user")
    handle("accept_operation", event, input={"email": "ada@example.test"})
    assert db.session.get_one(Operation, operation_id).status == "PENDING"
    message = dramatiq.Message.decode(broker.queues["core"].get_nowait())
    assert (message.actor_name, message.args) == ("carry_out_operation", (str(operation_id),))


def test_a_new_user_invalidates_the_cached_overview(app: Flask) -> None:
    redis_cache().set_json(overview.KEY, {"data": {}, "unavailable": []}, 60)
    assert overview.cached() is not None
    handle("renew_overview", UserCreated(id=uuid7(), role="USER", is_active=True))
    assert overview.cached() is None
    assert core.renew_overview.__name__ in ACTORS


def test_an_expired_event_is_kept_while_a_subscriber_has_not_handled_it(app: Flask) -> None:
    old = utcnow() - timedelta(days=400)
    with transaction():
        dead, done = (emit(UserCreated(id=uuid7(), role="USER", is_active=True)) for _ in range(2))
        db.session.add(Inbox(event_id=dead, consumer="c", status="dead"))
        db.session.add(Inbox(event_id=done, consumer="c", status="done"))
        db.session.execute(update(OutboxEvent).values(created_at=old, sent_at=old))
    delete_expired_events()
    assert db.session.scalars(select(OutboxEvent.id)).all() == [dead]
