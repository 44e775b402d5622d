"""Events of bulk work give way: the relay, the inbox and the clock keep them apart from what users wait for."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dramatiq import Broker
from flask import Flask
from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging import inbox
from heidi_common.messaging.events import UserCreated, UserDeleted, UserUpdated
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_services.notification.models import BULK_PRIORITY, Notification
from heidi_services.notification.service import event_handlers
from workers import clock
from workers.actors import hint
from workers.backlog import BUSY_MESSAGES, is_busy
from workers.consumption import BULK_QUEUE
from workers.periodic_tasks import LIMIT, PeriodicTask, WakeSubscribers, overdue_inbox, release_bulk_events
from workers.relay import relay_batch

CORE_CONSUMER = "renew_overview"


def created(user_id: UUID, *, bulk: bool) -> UUID:
    with transaction():
        return emit(UserCreated(id=user_id, role=Role.USER, is_active=True), bulk=bulk)


def relay(broker: Broker, limit: int) -> list[UUID]:
    sent: list[OutboxEvent] = []
    relay_batch(broker, sent.extend, limit)
    return [event.id for event in sent]


def test_urgent_events_overtake_those_of_bulk_work(broker: Broker) -> None:
    bulk = [created(uuid4(), bulk=True) for _ in range(5)]
    urgent = [created(uuid4(), bulk=False) for _ in range(2)]
    assert relay(broker, 2) == urgent
    assert relay(broker, 100) == bulk


@pytest.mark.parametrize("event_type", [UserUpdated, UserDeleted])
def test_events_of_one_subject_keep_their_order(broker: Broker, event_type: type) -> None:
    user_id = uuid4()
    first = created(user_id, bulk=True)
    with transaction():
        second = emit(event_type(id=user_id, role=Role.USER, is_active=True))
    other = created(uuid4(), bulk=False)
    assert relay(broker, 1) == [other]
    assert relay(broker, 1) == [first]
    assert relay(broker, 1) == [second]


def test_rows_of_bulk_events_wait_for_the_clock_which_uses_the_bulk_queue(broker: Broker) -> None:
    created(uuid4(), bulk=True)
    relay(broker, 10)
    assert not any(message_count(broker, queue) for queue in ("notification", "core", "integration", BULK_QUEUE))
    assert overdue_inbox() == []
    assert {message.queue_name for message in release_bulk_events()} == {BULK_QUEUE}
    assert release_bulk_events() == [], "a row whose message is under way is not announced again"


def test_no_more_rows_than_allowed_are_released_until_they_are_handled(app: Flask) -> None:
    with transaction():
        db.session.add_all(
            Inbox(event_id=uuid4(), consumer=CORE_CONSUMER, is_bulk=True, hinted_until=func.now())
            for _ in range(inbox.BULK_IN_FLIGHT + 50)
        )
    released = inbox.release_bulk(LIMIT)
    assert len(released) == inbox.BULK_IN_FLIGHT and inbox.release_bulk(LIMIT) == []
    with transaction():
        for row in db.session.scalars(select(Inbox).where(Inbox.event_id.in_([row_id for _, row_id in released[:30]]))):
            row.status = "done"
    assert len(inbox.release_bulk(LIMIT)) == 30


def message_count(broker: Broker, queue: str) -> int:
    consumer = broker.consume(queue, prefetch=2, timeout=100)
    message = next(consumer)
    consumer.close()
    return 0 if message is None else 1


@pytest.mark.parametrize("queue", ["core", "notification", "webhooks"])
def test_a_long_queue_is_busy(broker: Broker, queue: str) -> None:
    for number in range(BUSY_MESSAGES + 1):
        assert not is_busy(broker, queue), number
        broker.enqueue(hint(queue, CORE_CONSUMER, str(uuid4())))
    assert is_busy(broker, queue)


def test_rows_in_a_long_queue_are_not_announced_again(broker: Broker) -> None:
    with transaction():
        db.session.add(Inbox(event_id=uuid4(), consumer=CORE_CONSUMER, hinted_until=func.now()))
    for _ in range(BUSY_MESSAGES + 1):
        broker.enqueue(hint("core", CORE_CONSUMER, str(uuid4())))
    task = PeriodicTask("inbox core", 1, WakeSubscribers("core"))
    task.polled_at = clock.time.monotonic()
    clock.tick(broker, [task])
    assert db.session.scalar(select(func.count()).where(Inbox.hinted_until > func.now())) == 0
    task.polled_at -= clock.LONGEST_SILENCE_SECONDS
    task.next_at = 0
    clock.tick(broker, [task])
    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(Inbox.hinted_until > func.now())) == 1, "it may have been lost"


@pytest.mark.parametrize(("options", "number"), [((), 0), (("--welcome",), 2)])
def test_imported_users_are_welcomed_on_request(
    app: Flask, broker: Broker, tmp_path: Path, options: tuple[str, ...], number: int
) -> None:
    path = tmp_path / "people.json"
    path.write_text(json.dumps([{"email": "a@example.test"}, {"email": "b@example.test"}]))
    assert app.test_cli_runner().invoke(args=["users", "import", str(path), *options]).exit_code == 0
    db.session.rollback()
    events = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.created")).all()
    assert [event.is_bulk for event in events] == [True, True]
    relay(broker, 10)
    assert db.session.scalar(select(func.count()).where(Inbox.consumer == "welcome_user")) == number
    for _ in range(2):
        for event in db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "user.created")).all():
            with transaction():
                event_handlers.handle_user_created(event)
    assert db.session.scalars(select(Notification.priority)).all() == [BULK_PRIORITY] * number
