"""Many events of one message: they share statements, and a failing event does not affect the others."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import after_commit, transaction
from heidi_common.logger.request_id import request_id
from heidi_common.messaging import event_handling
from heidi_common.messaging.event_handling import Handler, handle
from heidi_common.messaging.inbox import MAX_ATTEMPTS, Inbox, PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent
from tests.sql_recorder import recorded_statements

CONSUMER = "a_subscriber"


def store(number: int, **inbox: object) -> list[UUID]:
    past = utcnow() - timedelta(seconds=1)
    events = [OutboxEvent(id=uuid7(), type="user.created", subject=str(n), data={}) for n in range(number)]
    with transaction():
        db.session.add_all(events)
        db.session.add_all([Inbox(event_id=e.id, consumer=CONSUMER, next_attempt_at=past, **inbox) for e in events])
        return [event.id for event in events]


def handle_many(consumer: str, event_ids: list[UUID], handler: Handler) -> list[UUID]:
    """Handle the events as an actor does, each of those that were attempted before on its own; returns these."""
    singly: list[UUID] = []
    event_handling.handle_many(consumer, event_ids, handler, singly.extend)
    for event_id in singly:
        handle(consumer, event_id, handler)
    return singly


def rows(event_ids: list[UUID]) -> list[tuple[str, int]]:
    statement = select(Inbox.status, Inbox.attempts).where(Inbox.event_id.in_(event_ids)).order_by(Inbox.event_id)
    return [tuple(row) for row in db.session.execute(statement)]


def test_a_batch_takes_as_many_statements_as_a_few_events(app: Flask) -> None:
    counts = []
    for number in (2, 100):
        event_ids, seen = store(number), list[UUID]()
        with recorded_statements() as statements:
            handle_many(CONSUMER, event_ids, lambda event, seen=seen: seen.append(event.id))  # type: ignore[misc]
        counts.append(len(statements))
        assert seen == event_ids, "oldest first"
        assert rows(event_ids) == [("done", 1)] * number
    assert counts[0] == counts[1] <= 4


def test_one_failing_event_is_rescheduled_and_the_others_are_done(app: Flask) -> None:
    event_ids = store(5)
    effects: list[str] = []

    def fail_in_the_middle(event: OutboxEvent) -> None:
        db.session.add(OutboxEvent(type="an.effect", subject=event.subject, data={}))
        subject = event.subject
        after_commit(lambda: effects.append(subject))
        if event.subject == "2":
            raise ValueError("cannot handle this")

    with pytest.raises(ValueError, match="cannot handle this"):
        handle_many(CONSUMER, event_ids, fail_in_the_middle)
    assert rows(event_ids) == [("done", 1), ("done", 1), ("pending", 1), ("done", 1), ("done", 1)]
    stored = db.session.scalars(select(OutboxEvent.subject).where(OutboxEvent.type == "an.effect"))
    assert sorted(stored) == effects == ["0", "1", "3", "4"]
    failed = db.session.scalars(select(Inbox).where(Inbox.event_id == event_ids[2])).one()
    assert failed.last_error == "ValueError: cannot handle this"
    assert failed.next_attempt_at > utcnow() and failed.locked_until is None


def test_several_failures_are_raised_together(app: Flask) -> None:
    event_ids = store(3)

    def fail(event: OutboxEvent) -> None:
        raise ValueError(event.subject)

    with pytest.raises(ExceptionGroup) as raised:
        handle_many(CONSUMER, event_ids, fail)
    assert [str(error) for error in raised.value.exceptions] == ["0", "1", "2"]
    assert rows(event_ids) == [("pending", 1)] * 3


def test_a_rejected_request_is_refused_alone(app: Flask) -> None:
    event_ids = store(3)

    def reject_the_first(event: OutboxEvent) -> None:
        if event.subject == "0":
            raise PermanentFailure("no such user")

    handle_many(CONSUMER, event_ids, reject_the_first)
    assert rows(event_ids) == [("refused", 1), ("done", 1), ("done", 1)]


def test_an_event_that_was_attempted_before_is_handled_last_and_alone(app: Flask) -> None:
    suspects, new = store(2, attempts=1), store(3)
    transactions: list[tuple[str, int]] = []

    def note_transaction(event: OutboxEvent) -> None:
        number = db.session.connection().exec_driver_sql("SELECT pg_current_xact_id()::text::int").scalar_one()
        transactions.append((event.subject, number))

    assert handle_many(CONSUMER, suspects + new, note_transaction) == suspects
    assert sorted(subject for subject, _ in transactions[:3]) == ["0", "1", "2"]
    assert len({number for _, number in transactions[:3]}) == 1
    assert len({number for _, number in transactions}) == 3
    assert rows(suspects) == [("done", 2)] * 2


def test_an_event_whose_worker_dies_each_time_becomes_a_dead_letter(app: Flask) -> None:
    lethal, harmless = store(1, attempts=MAX_ATTEMPTS), store(2)
    seen: list[UUID] = []
    handle_many(CONSUMER, lethal + harmless, lambda event: seen.append(event.id))
    assert seen == harmless
    assert rows(lethal) == [("dead", MAX_ATTEMPTS + 1)]


def test_two_workers_with_the_same_events_have_one_effect_each(app: Flask) -> None:
    event_ids = store(50)
    effects: list[UUID] = []
    start = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            start.wait()
            handle_many(CONSUMER, event_ids, lambda event: effects.append(event.id))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(effects) == event_ids
    assert rows(event_ids) == [("done", 1)] * 50


def test_a_row_that_another_worker_has_claimed_in_the_meantime_is_left_to_it(app: Flask) -> None:
    """The lease has expired while the worker was stopped: the attempt of the other worker counts."""
    event_ids = store(2)
    seen: list[str] = []

    def lose_the_second_claim(event: OutboxEvent) -> None:
        seen.append(event.subject)
        if seen == ["0"]:
            raise ValueError("the transaction is rolled back")
        with db.engine.begin() as other:
            other.execute(update(Inbox).where(Inbox.event_id == event_ids[1]).values(attempts=2))

    handle_many(CONSUMER, event_ids, lose_the_second_claim)
    assert seen == ["0", "0"]
    assert rows(event_ids) == [("done", 1), ("pending", 2)]


def test_a_slow_batch_continues_in_another_transaction(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_handling, "BATCH_SECONDS", -1.0)
    event_ids, committed = store(3), list[int]()

    def count_done(event: OutboxEvent) -> None:
        with db.engine.connect() as other:
            done = select(Inbox).where(Inbox.event_id.in_(event_ids), Inbox.status == "done")
            committed.append(len(other.execute(done).all()))

    handle_many(CONSUMER, event_ids, count_done)
    assert committed == [0, 1, 2]
    assert rows(event_ids) == [("done", 1)] * 3


def test_each_handler_runs_with_the_request_id_of_its_event(app: Flask) -> None:
    event_ids = store(2)
    with transaction():
        for number, event_id in enumerate(event_ids):
            db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event_id).values(request_id=f"r{number}"))
    seen: list[str | None] = []
    handle_many(CONSUMER, event_ids, lambda event: seen.append(request_id()))
    assert seen == ["r0", "r1"]


def test_secret_data_is_deleted_with_the_last_subscriber(app: Flask) -> None:
    event_ids = store(2)
    with transaction():
        for event_id in event_ids:
            sealed = field_encryptor().encrypt({"token": "x"}, context=event_id.bytes)
            db.session.execute(update(OutboxEvent).where(OutboxEvent.id == event_id).values(sealed=sealed))
        past = utcnow() - timedelta(seconds=1)
        db.session.add(Inbox(event_id=event_ids[0], consumer="another", next_attempt_at=past))
    decrypted: list[object] = []
    handle_many(CONSUMER, event_ids, lambda event: decrypted.append(event.decrypt_secret_data()))
    assert decrypted == [{"token": "x"}] * 2
    kept = select(OutboxEvent.id).where(OutboxEvent.sealed.is_not(None))
    assert list(db.session.scalars(kept)) == [event_ids[0]]
    handle("another", event_ids[0], lambda event: None)
    assert list(db.session.scalars(kept)) == []
