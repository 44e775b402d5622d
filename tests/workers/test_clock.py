"""The clock: it wakes workers for overdue rows, and a failing task does not stop the others."""

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
from workers.periodic_tasks import PeriodicTask, delete_expired_events, overdue_inbox, run_in_parts, run_task


def test_an_inbox_row_without_a_wake_up_message_gets_one(app: Flask) -> None:
    event_id = uuid4()
    past = utcnow() - timedelta(minutes=1)
    with transaction():
        db.session.add(Inbox(event_id=event_id, consumer="welcome_user", next_attempt_at=past, hinted_until=past))
    messages = overdue_inbox()
    assert [(m.queue_name, m.actor_name, m.args) for m in messages] == [
        ("notification", "welcome_user", (str(event_id),))
    ]


def break_down() -> list[object]:
    raise ConnectionError("unavailable")


def test_a_failing_task_does_not_stop_the_others(app: Flask, settings: Settings) -> None:
    done: list[str] = []

    def work() -> list[object]:
        done.append("worked")
        return []

    broken, whole = PeriodicTask("broken", 1, break_down), PeriodicTask("whole", 0, work)  # type: ignore[arg-type]
    for _ in range(3):
        tick(make_broker(settings.broker_url), (broken, whole))
    assert done == ["worked"] * 3


def test_the_tick_fails_if_every_due_task_fails(app: Flask, settings: Settings) -> None:
    tasks = [PeriodicTask(name, 1, break_down) for name in ("one", "two")]  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        tick(make_broker(settings.broker_url), tasks)


def test_an_unfinished_task_runs_again_in_the_next_round_and_the_others_in_between(
    app: Flask, settings: Settings
) -> None:
    left, order = [2], []

    def delete_a_part() -> bool:
        left[0] -= 1
        order.append("retention")
        return left[0] > 0

    def dispatch() -> None:
        order.append("schedules")

    tasks = (PeriodicTask("old", 3600, run_in_parts(delete_a_part)), PeriodicTask("due", 0, run_task(dispatch)))
    for _ in range(4):
        tick(make_broker(settings.broker_url), tasks)
    assert order == ["retention", "schedules"] * 2 + ["schedules"] * 2


def test_an_expired_event_is_kept_while_a_subscriber_has_yet_to_handle_it(app: Flask) -> None:
    old = utcnow() - timedelta(days=90)
    event = OutboxEvent(id=uuid4(), type="old.waiting", subject="1", data={}, created_at=old, sent_at=old)
    with transaction():
        db.session.add(event)
        db.session.add(Inbox(event_id=event.id, consumer="done", status="done", done_at=old))
        db.session.add(Inbox(event_id=event.id, consumer="waits", created_at=old))
    delete_expired_events()
    assert list(db.session.scalars(select(OutboxEvent.type))) == ["old.waiting"]
    assert list(db.session.scalars(select(Inbox.consumer))) == ["waits"]


def test_a_task_whose_transaction_failed_does_not_affect_the_next_one(app: Flask, settings: Settings) -> None:
    def run_invalid_sql() -> list[Message[Any]]:
        db.session.execute(text("SELECT 1/0"))
        return []

    def run_valid_sql() -> list[Message[Any]]:
        seen.append(db.session.scalar(text("SELECT 1")))
        return []

    seen: list[Any] = []
    tick(
        make_broker(settings.broker_url),
        (PeriodicTask("broken", 1, run_invalid_sql), PeriodicTask("whole", 0, run_valid_sql)),
    )
    assert seen == [1]


def test_expired_events_are_deleted_but_not_unsent_ones_and_dead_rows(app: Flask) -> None:
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
