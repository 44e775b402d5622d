"""A subscriber takes in a fact once, however often it is told, and what it cannot digest ends as a dead row."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging import inbox
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox, handle
from heidi_common.messaging.outbox import OutboxEvent

CONSUMER = "a_subscriber"


@pytest.fixture
def event_id(app: Flask) -> UUID:
    event = OutboxEvent(id=uuid4(), type="user.created", subject="1", data={})
    with transaction():
        db.session.add(event)
        db.session.add(Inbox(event_id=event.id, consumer=CONSUMER, next_attempt_at=utcnow() - timedelta(seconds=1)))
    return event.id


def row(event_id: UUID) -> Inbox:
    db.session.expire_all()
    return db.session.scalars(select(Inbox).where(Inbox.event_id == event_id)).one()


def make_due(event_id: UUID) -> None:
    with transaction():
        past = utcnow() - timedelta(seconds=1)
        values = {"next_attempt_at": past, "hinted_until": past, "locked_until": None}
        db.session.execute(update(Inbox).where(Inbox.event_id == event_id).values(**values))


def fail(event: OutboxEvent) -> None:
    raise ValueError("cannot digest this")


def test_a_fact_is_digested_once_however_often_it_arrives(event_id: UUID) -> None:
    seen: list[UUID] = []
    assert [handle(CONSUMER, event_id, lambda e: seen.append(e.id)) for _ in range(3)] == [True, False, False]
    assert seen == [event_id]
    assert row(event_id).status == "done"


def test_the_attempt_is_counted_before_the_handler_runs(event_id: UUID) -> None:
    """A handler that kills its worker leaves the count behind."""
    counts: list[int] = []

    def look(event: OutboxEvent) -> None:
        with db.engine.connect() as other:
            counts.append(other.execute(select(Inbox.attempts).where(Inbox.event_id == event_id)).scalar_one())

    handle(CONSUMER, event_id, look)
    assert counts == [1]


def test_a_failure_rolls_back_its_effect_and_comes_again_later(event_id: UUID) -> None:
    def half(event: OutboxEvent) -> None:
        db.session.add(OutboxEvent(type="half.done", subject="1", data={}))
        db.session.flush()
        fail(event)

    before = utcnow()
    with pytest.raises(ValueError, match="cannot digest"):
        handle(CONSUMER, event_id, half)
    found = row(event_id)
    assert (found.status, found.attempts) == ("pending", 1)
    assert found.next_attempt_at >= before + timedelta(seconds=0.5)
    assert found.last_error == "ValueError: cannot digest this"
    assert db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "half.done")).all() == []


def test_a_failure_is_noted_whatever_signs_are_in_it(event_id: UUID) -> None:
    def fail_oddly(event: OutboxEvent) -> None:
        raise ValueError("odd: a\x00b\ud800")

    with pytest.raises(ValueError, match="odd"):
        handle(CONSUMER, event_id, fail_oddly)
    assert row(event_id).last_error == "ValueError: odd: a\N{REPLACEMENT CHARACTER}b?"


def test_what_cannot_be_digested_is_dead_after_the_last_attempt(event_id: UUID) -> None:
    for _ in range(MAX_ATTEMPTS):
        make_due(event_id)
        with pytest.raises(ValueError, match="cannot digest"):
            handle(CONSUMER, event_id, fail)
    make_due(event_id)
    assert row(event_id).status == "dead"
    assert handle(CONSUMER, event_id, fail) is False


def test_a_fact_whose_worker_dies_each_time_is_dead_in_the_end(event_id: UUID) -> None:
    """Nothing ran after the count was committed: only the count itself can stop it."""
    with transaction():
        db.session.execute(update(Inbox).values(attempts=MAX_ATTEMPTS))
    assert handle(CONSUMER, event_id, lambda e: None) is False
    assert row(event_id).status == "dead"


def test_two_workers_at_once_have_one_effect(app: Flask, event_id: UUID) -> None:
    effects: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            start.wait()
            handle(CONSUMER, event_id, lambda e: effects.append(1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects == [1]


def test_overdue_rows_are_told_again_once_in_a_while(event_id: UUID) -> None:
    make_due(event_id)
    assert inbox.collect_overdue(10) == [(CONSUMER, event_id)]
    assert inbox.collect_overdue(10) == []


def test_what_was_sealed_beside_a_fact_goes_with_its_last_subscriber(app: Flask, event_id: UUID) -> None:
    """A reset link lives as long as somebody has to send it, not as long as the log."""
    with transaction():
        db.session.execute(
            update(OutboxEvent).values(sealed=field_encryptor().encrypt({"token": "x"}, context=event_id.bytes))
        )
        db.session.add(Inbox(event_id=event_id, consumer="another", next_attempt_at=utcnow() - timedelta(seconds=1)))
    opened: list[object] = []

    def read(event: OutboxEvent) -> None:
        opened.append(event.decrypt_secret_data())

    def sealed() -> str | None:
        db.session.expire_all()
        return db.session.scalars(select(OutboxEvent.sealed)).one()

    handle(CONSUMER, event_id, read)
    assert sealed() is not None
    handle("another", event_id, read)
    assert sealed() is None
    assert opened == [{"token": "x"}] * 2
