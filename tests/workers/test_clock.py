"""The clock: what is overdue is told again, and one failing task does not stop the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from dramatiq import Message
from flask import Flask
from sqlalchemy import func, select, text

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent
from workers.broker import make_broker
from workers.clock import tick
from workers.periodic_tasks import PeriodicTask, delete_expired_events, overdue_inbox


def test_an_inbox_row_that_nobody_was_told_about_gets_a_hint(app: Flask) -> None:
    event_id = uuid4()
    past = utcnow() - timedelta(minutes=1)
    with transaction():
        db.session.add(Inbox(event_id=event_id, consumer="welcome_user", next_attempt_at=past, hinted_until=past))
    messages = overdue_inbox()
    assert [(m.queue_name, m.actor_name, m.args) for m in messages] == [
        ("notification", "welcome_user", (str(event_id),))
    ]


def break_down() -> list[object]:
    raise ConnectionError("away")


def test_a_failing_task_does_not_stop_the_others(app: Flask, settings: Settings) -> None:
    done: list[str] = []

    def work() -> list[object]:
        done.append("worked")
        return []

    broken, whole = PeriodicTask("broken", 1, break_down), PeriodicTask("whole", 0, work)  # type: ignore[arg-type]
    for _ in range(3):
        tick(make_broker(settings.broker_url), (broken, whole))
    assert done == ["worked"] * 3


def test_when_nothing_can_be_done_the_clock_is_told_to_rest(app: Flask, settings: Settings) -> None:
    tasks = [PeriodicTask(name, 1, break_down) for name in ("one", "two")]  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        tick(make_broker(settings.broker_url), tasks)


def test_an_old_fact_stays_while_a_subscriber_has_yet_to_digest_it(app: Flask) -> None:
    old = utcnow() - timedelta(days=90)
    event = OutboxEvent(id=uuid4(), type="old.waiting", subject="1", data={}, created_at=old, sent_at=old)
    with transaction():
        db.session.add(event)
        db.session.add(Inbox(event_id=event.id, consumer="done", status="done", done_at=old))
        db.session.add(Inbox(event_id=event.id, consumer="waits", created_at=old))
    delete_expired_events()
    assert list(db.session.scalars(select(OutboxEvent.type))) == ["old.waiting"]
    assert list(db.session.scalars(select(Inbox.consumer))) == ["waits"]


def test_a_task_that_broke_its_transaction_does_not_break_the_next_one(app: Flask, settings: Settings) -> None:
    def ask_nonsense() -> list[Message[Any]]:
        db.session.execute(text("SELECT 1/0"))
        return []

    def ask() -> list[Message[Any]]:
        seen.append(db.session.scalar(text("SELECT 1")))
        return []

    seen: list[Any] = []
    tick(make_broker(settings.broker_url), (PeriodicTask("broken", 1, ask_nonsense), PeriodicTask("whole", 0, ask)))
    assert seen == [1]


def test_old_facts_go_but_unsent_ones_and_dead_rows_stay(app: Flask) -> None:
    old = utcnow() - timedelta(days=90)
    with transaction():
        db.session.add(OutboxEvent(type="old.sent", subject="1", data={}, created_at=old, sent_at=old))
        db.session.add(OutboxEvent(type="old.unsent", subject="1", data={}, created_at=old))
        db.session.add(OutboxEvent(type="new.sent", subject="1", data={}, sent_at=utcnow()))
        db.session.add(Inbox(event_id=uuid4(), consumer="c", status="done", done_at=old))
        db.session.add(Inbox(event_id=uuid4(), consumer="c", status="dead", created_at=old))
    delete_expired_events()
    assert sorted(db.session.scalars(select(OutboxEvent.type))) == ["new.sent", "old.unsent"]
    assert db.session.scalar(select(func.count()).select_from(Inbox)) == 1
