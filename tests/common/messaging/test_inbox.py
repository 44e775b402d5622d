"""A handler takes effect once for each event, however often it is called; events that fail become dead letters."""

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
from heidi_common.messaging.event_handling import handle
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox
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
    raise ValueError("cannot handle this")


def test_an_event_is_handled_once_however_often_it_arrives(event_id: UUID) -> None:
    seen: list[UUID] = []
    assert [handle(CONSUMER, event_id, lambda e: seen.append(e.id)) for _ in range(3)] == [True, False, False]
    assert seen == [event_id]
    assert row(event_id).status == "done"


def test_the_attempt_is_counted_before_the_handler_runs(event_id: UUID) -> None:
    """A handler that kills its worker must not reset the count."""
    counts: list[int] = []

    def read_attempts(event: OutboxEvent) -> None:
        with db.engine.connect() as other:
            counts.append(other.execute(select(Inbox.attempts).where(Inbox.event_id == event_id)).scalar_one())

    handle(CONSUMER, event_id, read_attempts)
    assert counts == [1]


def test_a_failure_rolls_back_its_effect_and_is_attempted_again_later(event_id: UUID) -> None:
    def fail_halfway(event: OutboxEvent) -> None:
        db.session.add(OutboxEvent(type="half.done", subject="1", data={}))
        db.session.flush()
        fail(event)

    before = utcnow()
    with pytest.raises(ValueError, match="cannot handle"):
        handle(CONSUMER, event_id, fail_halfway)
    inbox_row = row(event_id)
    assert (inbox_row.status, inbox_row.attempts) == ("pending", 1)
    assert inbox_row.next_attempt_at >= before + timedelta(seconds=0.5)
    assert inbox_row.last_error == "ValueError: cannot handle this"
    assert db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "half.done")).all() == []


def test_a_failure_is_stored_whatever_characters_its_message_has(event_id: UUID) -> None:
    def fail_oddly(event: OutboxEvent) -> None:
        raise ValueError("odd: a\x00b\ud800")

    with pytest.raises(ValueError, match="odd"):
        handle(CONSUMER, event_id, fail_oddly)
    assert row(event_id).last_error == "ValueError: odd: a\N{REPLACEMENT CHARACTER}b?"


def test_an_event_is_a_dead_letter_after_the_last_attempt(event_id: UUID) -> None:
    for _ in range(MAX_ATTEMPTS):
        make_due(event_id)
        with pytest.raises(ValueError, match="cannot handle"):
            handle(CONSUMER, event_id, fail)
    make_due(event_id)
    assert row(event_id).status == "dead"
    assert handle(CONSUMER, event_id, fail) is False


def test_an_event_whose_worker_dies_each_time_becomes_a_dead_letter(event_id: UUID) -> None:
    """Nothing ran after the count was committed: only the count itself can stop it."""
    with transaction():
        db.session.execute(update(Inbox).values(attempts=MAX_ATTEMPTS))
    assert handle(CONSUMER, event_id, lambda e: None) is False
    assert row(event_id).status == "dead"


def test_concurrent_workers_have_one_effect(app: Flask, event_id: UUID) -> None:
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


def test_overdue_rows_are_collected_once_per_hint_lease(event_id: UUID) -> None:
    make_due(event_id)
    assert inbox.collect_overdue(10) == [(CONSUMER, event_id)]
    assert inbox.collect_overdue(10) == []


def test_secret_data_is_deleted_with_the_last_subscriber(app: Flask, event_id: UUID) -> None:
    """A reset link is stored until the last subscriber has used it, not as long as the event log."""
    with transaction():
        db.session.execute(
            update(OutboxEvent).values(sealed=field_encryptor().encrypt({"token": "x"}, context=event_id.bytes))
        )
        db.session.add(Inbox(event_id=event_id, consumer="another", next_attempt_at=utcnow() - timedelta(seconds=1)))
    decrypted: list[object] = []

    def read(event: OutboxEvent) -> None:
        decrypted.append(event.decrypt_secret_data())

    def sealed() -> str | None:
        db.session.expire_all()
        return db.session.scalars(select(OutboxEvent.sealed)).one()

    handle(CONSUMER, event_id, read)
    assert sealed() is not None
    handle("another", event_id, read)
    assert sealed() is None
    assert decrypted == [{"token": "x"}] * 2
