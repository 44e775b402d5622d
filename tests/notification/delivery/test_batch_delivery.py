"""Several notifications in one message of the broker: shown together, but each with its own result."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import BULK_PRIORITY, Notification
from heidi_services.notification.service.delivery import batch_delivery, delivery_results
from heidi_services.notification.service.delivery.claim import AttemptedNotification, claim, claim_new, release_unused
from heidi_services.notification.service.delivery.delivery import deliver
from heidi_services.notification.service.delivery.delivery_statements import shown_statement
from tests.conftest import SignedIn
from tests.notification.conftest import Post, row
from tests.notification.mailserver import MailServer
from tests.polling import TIMEOUT_SECONDS
from tests.sql_recorder import recorded_statements
from workers.actors import load

AsUser = Callable[..., SignedIn]


def deliver_many(notification_ids: list[UUID]) -> list[UUID]:
    """Deliver the notifications as an actor does, each of those that were claimed before on its own; returns these."""
    singly: list[UUID] = []
    batch_delivery.deliver_many(notification_ids, lambda attempted: singly.extend(row.id for row in attempted))
    for notification_id in singly:
        deliver(notification_id)
    return singly


def _sent_events() -> list[str]:
    sent = db.select(OutboxEvent.subject).where(OutboxEvent.type == "notification.sent").order_by(OutboxEvent.id)
    return list(db.session.scalars(sent))


def _statuses(notification_ids: list[UUID]) -> list[str]:
    return [row(notification_id).status for notification_id in notification_ids]


def _set(notification_id: UUID, **values: Any) -> None:
    with transaction():
        db.session.execute(db.update(Notification).where(Notification.id == notification_id).values(**values))


def _positions(notification_ids: list[UUID]) -> list[int]:
    return [row(notification_id).stream_id or 0 for notification_id in notification_ids]


def test_in_app_messages_are_claimed_by_one_statement_and_shown_by_another(post: Post, as_user: AsUser) -> None:
    people = [as_user(), as_user()]
    ids = [post(people[n % 2], channel="IN_APP") for n in range(10)]
    with recorded_statements() as statements:
        deliver_many(ids)
    assert len(statements) == 2
    assert _statuses(ids) == ["SENT"] * 10
    first = row(ids[0])
    assert (first.attempts, first.locked_until, first.sent_at is not None) == (1, None, True)
    assert _sent_events() == [str(notification_id) for notification_id in ids]
    positions = _positions(ids)
    assert positions == sorted(set(positions)), "in the order in which they were accepted"
    sent = db.select(OutboxEvent).where(OutboxEvent.type == "notification.sent", OutboxEvent.subject == str(ids[0]))
    (event,) = db.session.scalars(sent)
    user_id = str(people[0].user.id)
    assert event.data == {"id": str(ids[0]), "userId": user_id, "channel": "IN_APP", "category": "general"}
    assert event.user_id == people[0].user.id


def test_a_message_without_a_decryptable_secret_does_not_affect_its_neighbors(post: Post, as_user: AsUser) -> None:
    person = as_user()
    ids = [post(person, channel="IN_APP") for _ in range(3)]
    _set(ids[1], sealed="encrypted with a lost key")
    with pytest.raises(ExceptionGroup) as caught:
        deliver_many(ids)
    assert [type(error) for error in caught.value.exceptions] == [DecryptionError]
    assert _statuses(ids) == ["SENT", "PENDING", "SENT"]
    poisoned = row(ids[1])
    assert poisoned.attempts == 1 and poisoned.locked_until is not None, "it is due again after its lease"


def test_a_message_that_the_database_rejects_does_not_affect_its_neighbors(
    post: Post, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = as_user()
    ids = [post(person, channel="IN_APP") for _ in range(3)]
    show = delivery_results.mark_shown

    def reject_second(jobs: list[Any]) -> None:
        if ids[1] in [job.id for job in jobs]:
            raise DBAPIError("UPDATE", None, ValueError("rejected"))
        show(jobs)

    monkeypatch.setattr(batch_delivery, "mark_shown", reject_second)
    with pytest.raises(ExceptionGroup):
        deliver_many(ids)
    assert _statuses(ids) == ["SENT", "PENDING", "SENT"]
    assert _sent_events() == [str(ids[0]), str(ids[2])]


def test_a_message_to_a_deleted_user_fails_alone(post: Post, as_user: AsUser) -> None:
    deleted, person = as_user(), as_user()
    ids = [post(deleted, channel="IN_APP"), post(person, channel="IN_APP")]
    with transaction():
        deleted.user.deleted_at = utcnow()
        db.session.add(deleted.user)
    deliver_many(ids)
    assert _statuses(ids) == ["FAILED", "SENT"]
    assert row(ids[0]).failure_reason == "user_deleted"


def test_a_muted_category_is_cancelled_alone(client: FlaskClient, post: Post, as_user: AsUser) -> None:
    person = as_user()
    muted = [{"category": "news", "channel": "IN_APP", "enabled": False}]
    body = {"preferences": muted, "quietHours": None}
    answer = client.put("/api/v1/notifications/preferences", json=body, headers=person.headers)
    assert answer.status_code == 200, answer.get_json()
    ids = [post(person, channel="IN_APP", category="news"), post(person, channel="IN_APP")]
    deliver_many(ids)
    assert _statuses(ids) == ["CANCELLED", "SENT"]


def test_mixed_channels_are_all_delivered(post: Post, as_user: AsUser, mail: MailServer) -> None:
    person = as_user(email="ann@example.org")
    ids = [
        post(person, channel="EMAIL"),
        post(person, channel="IN_APP"),
        post(person, channel="SMS"),
        post(person, channel="IN_APP", scheduledFor=(utcnow() + timedelta(hours=1)).isoformat()),
        post(person, channel="EMAIL"),
        post(person, channel="IN_APP"),
    ]
    deliver_many([*ids, uuid4()])
    assert _statuses(ids) == ["SENT", "SENT", "FAILED", "PENDING", "SENT", "SENT"]
    assert len(mail.mails) == 2


def test_emails_share_claims_but_each_result_is_recorded_before_the_next_email(
    post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user(email="ann@example.org")
    ids = [post(person, channel="EMAIL") for _ in range(2 * batch_delivery.CLAIMED_AT_ONCE)]
    with recorded_statements() as statements:
        deliver_many(ids)
    claims = [sql for sql, _ in statements if sql.startswith("WITH claimed")]
    records = [sql for sql, _ in statements if sql.startswith("WITH attempt")]
    assert (len(claims), len(records)) == (1 + 2, len(ids)), "one claim finds no in-app messages"
    assert _statuses(ids) == ["SENT"] * len(ids)
    assert len(mail.mails) == len(ids)
    assert {row(notification_id).attempts for notification_id in ids} == {1}


def test_a_slow_provider_leaves_the_rest_of_a_claim_to_other_workers(
    post: Post, as_user: AsUser, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = as_user(email="ann@example.org")
    ids = [post(person, channel="EMAIL") for _ in range(4)]
    ten_seconds_later = count(step=10).__next__
    with monkeypatch.context() as patch:
        patch.setattr(batch_delivery, "time", SimpleNamespace(monotonic=ten_seconds_later))
        deliver_many(ids)
    assert _statuses(ids) == ["SENT", "PENDING", "PENDING", "PENDING"]
    left = row(ids[1])
    assert (left.attempts, left.locked_until, left.hinted_until <= utcnow()) == (0, None, True)
    deliver_many(ids)
    assert _statuses(ids) == ["SENT"] * 4
    assert len(mail.mails) == 4


def test_a_release_leaves_claims_of_other_workers_alone(post: Post, as_user: AsUser) -> None:
    notification_id = post(as_user(email="ann@example.org"), channel="EMAIL")
    jobs = claim_new([notification_id], in_app=False)
    _set(notification_id, locked_until=utcnow() - timedelta(seconds=1))
    assert claim(notification_id) is not None, "its lease had expired"
    release_unused(jobs)
    claimed = row(notification_id)
    assert claimed.attempts == 2 and claimed.locked_until is not None


def test_an_id_that_repeats_is_delivered_once(post: Post, as_user: AsUser, mail: MailServer) -> None:
    person = as_user(email="ann@example.org")
    in_app, email = post(person, channel="IN_APP"), post(person, channel="EMAIL")
    deliver_many([in_app, email, in_app, email])
    deliver_many([in_app, email])
    assert (len(mail.mails), sorted(_sent_events())) == (1, sorted([str(in_app), str(email)]))
    assert (row(in_app).attempts, row(email).attempts) == (1, 1)


def test_a_message_that_was_claimed_before_gets_a_message_of_its_own(
    post: Post, as_user: AsUser, mail: MailServer
) -> None:
    person = as_user(email="ann@example.org")
    ids = [post(person, channel=channel) for channel in ("EMAIL", "EMAIL", "IN_APP", "IN_APP")]
    _set(ids[0], attempts=2)
    _set(ids[2], attempts=1, priority=BULK_PRIORITY)
    attempted: list[AttemptedNotification] = []
    batch_delivery.deliver_many(ids, attempted.extend)
    assert attempted == [(ids[2], True), (ids[0], False)], "fewest attempts first"
    assert _statuses(ids) == ["PENDING", "SENT", "PENDING", "SENT"]
    assert deliver_many(ids) == [ids[2], ids[0]]
    assert _statuses(ids) == ["SENT"] * 4


def test_a_message_that_another_worker_has_claimed_is_left_alone(post: Post, as_user: AsUser) -> None:
    person = as_user()
    ids = [post(person, channel="IN_APP") for _ in range(3)]
    assert claim(ids[0]) is not None
    deliver_many(ids)
    assert _statuses(ids) == ["PENDING", "SENT", "SENT"]


def test_a_worker_whose_lease_has_expired_does_not_show_the_message_again(post: Post, as_user: AsUser) -> None:
    notification_id = post(as_user(), channel="IN_APP")
    (first,) = claim_new([notification_id], in_app=True)
    _set(notification_id, locked_until=utcnow() - timedelta(seconds=1))
    deliver(notification_id)
    position = row(notification_id).stream_id
    delivery_results.mark_shown([first])
    assert row(notification_id).stream_id == position
    assert _sent_events() == [str(notification_id)]


def test_a_batch_of_a_killed_worker_is_delivered_after_its_leases(post: Post, as_user: AsUser) -> None:
    person = as_user()
    ids = [post(person, channel="IN_APP") for _ in range(3)]
    assert len(claim_new(ids, in_app=True)) == 3
    deliver_many(ids)
    assert _statuses(ids) == ["PENDING"] * 3
    with transaction():
        db.session.execute(db.update(Notification).values(locked_until=utcnow() - timedelta(seconds=1)))
    deliver_many(ids)
    assert _statuses(ids) == ["SENT"] * 3
    assert row(ids[0]).attempts == 2


def test_workers_with_the_same_ids_show_each_message_once(app: Flask, post: Post, as_user: AsUser) -> None:
    """Four workers, in different orders: neither duplicates nor deadlocks, and positions in the order of commits."""
    people = [as_user() for _ in range(3)]
    ids = [post(people[n % 3], channel="IN_APP") for n in range(60)]
    batches = [ids, ids[::-1], ids[30:] + ids[:30], ids[::2] + ids[1::2]]
    gate, errors = Barrier(len(batches)), list[BaseException]()

    def work(batch: list[UUID]) -> None:
        try:
            with app.app_context():
                gate.wait(TIMEOUT_SECONDS)
                for start in range(0, len(batch), 10):
                    deliver_many(batch[start : start + 10])
        except BaseException as error:
            errors.append(error)

    workers = [Thread(target=work, args=(batch,)) for batch in batches]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT_SECONDS)
    assert errors == []
    assert _statuses(ids) == ["SENT"] * 60
    assert sorted(_sent_events()) == sorted(map(str, ids))
    assert len(set(_positions(ids))) == 60
    assert {row(notification_id).attempts for notification_id in ids} == {1}


def test_positions_of_batches_follow_the_order_of_commits(app: Flask, post: Post, as_user: AsUser) -> None:
    people = [as_user(), as_user()]
    ids = [post(people[n % 2], channel="IN_APP") for n in range(80)]
    seen: list[list[int]] = []

    def work(batch: list[UUID]) -> None:
        with app.app_context():
            for start in range(0, len(batch), 5):
                deliver_many(batch[start : start + 5])
                own = db.select(Notification.stream_id).where(Notification.user_id == people[0].user.id)
                seen.append(sorted(position for position in db.session.scalars(own) if position is not None))
                db.session.rollback()

    workers = [Thread(target=work, args=(ids[n::4],)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT_SECONDS)
    everything = max(seen, key=len)
    assert len(everything) == 40
    for positions in seen:
        assert positions == everything[: len(positions)], "a position was visible before a lower one"


def test_streams_are_locked_before_positions_are_drawn(post: Post, as_user: AsUser) -> None:
    """PostgreSQL must not read the messages before it has the locks, however it plans the statement."""
    sql = shown_statement().sql
    assert sql.index("pg_advisory_xact_lock") < sql.index("nextval") and "locked.streams >" in sql


def test_the_actor_accepts_one_id_as_messages_of_earlier_versions_have_it(post: Post, as_user: AsUser) -> None:
    ids = [post(as_user(), channel="IN_APP") for _ in range(3)]
    actor = load()["deliver_notification"].function
    actor(str(ids[0]))
    assert _statuses(ids) == ["SENT", "PENDING", "PENDING"]
    actor(*map(str, ids))
    assert _statuses(ids) == ["SENT"] * 3


def test_a_failure_of_the_claim_leaves_the_messages_due(
    post: Post, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = as_user()
    ids = [post(person, channel="IN_APP") for _ in range(2)]

    def unavailable(*_: object) -> list[Any]:
        raise DBAPIError("UPDATE", None, ConnectionError("lost"))

    with monkeypatch.context() as patch:
        patch.setattr(CompiledStatement, "_execute_alone", unavailable)
        with pytest.raises(DBAPIError):
            deliver_many(ids)
    assert [row(notification_id).attempts for notification_id in ids] == [0, 0]
    deliver_many(ids)
    assert _statuses(ids) == ["SENT", "SENT"]
