"""Other services' events, from the outbox through relay and inbox to the mailbox."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from dramatiq import Message
from flask import Flask
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.events import NotificationSend, UserCreated, UserDeleted
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_services.notification.models import Attempt, Notification, NotificationPreferences, PushDevice
from heidi_services.notification.service.erasure import erase_user_data
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer
from tests.sql_recorder import recorded_statements
from workers.actors import load
from workers.relay import relay_batch

AsUser = Callable[..., SignedIn]
CONSUMERS = ("deliver_notification", "make_requested_notification", "welcome_user", "forget_user")


class Worker:
    """A broker that runs the notification service's messages itself and drops those of other services."""

    def __init__(self) -> None:
        self.waiting: list[Message[Any]] = []

    def enqueue(self, message: Message[Any]) -> None:
        if message.actor_name in CONSUMERS:
            self.waiting.append(message)

    def run(self, times: int = 1) -> None:
        """Relay events and process messages until there are none; process each message `times` times."""
        specs = load()
        while relay_batch(self, lambda events: None) or self.waiting:  # type: ignore[arg-type]
            waiting, self.waiting = self.waiting, []
            for message in waiting * times:
                specs[message.actor_name].function(*message.args)


@pytest.fixture
def worker(app: Flask) -> Worker:
    return Worker()


def _request_notification(person: SignedIn, *, sealed: dict[str, Any], **fields: Any) -> UUID:
    fields = {"id": uuid7(), "about_user": person.user.id, "channel": "EMAIL"} | fields
    event = NotificationSend(**fields)
    with transaction():
        emit(event, secret_data=sealed)
    return event.id


def _emit_created(person: SignedIn) -> None:
    with transaction():
        emit(UserCreated(id=person.user.id, role="USER", is_active=True))


def test_a_requested_notification_is_sent_and_its_secret_erased(
    worker: Worker, mail: MailServer, as_user: AsUser
) -> None:
    person = as_user(email="ann@example.org", locale="de")
    secret = "https://heidi.test/reset#token=s3cr3t"
    request = _request_notification(
        person, template="password-reset", category="security", sealed={"variables": {"link": secret}}
    )
    worker.run()
    body = mail.mails[0].get_body(("plain",))
    assert body is not None and secret in body.get_content()
    assert mail.mails[0]["Subject"] == "Setzen Sie Ihr Passwort zurück"
    sent = row(request)
    assert (sent.status, sent.sealed, sent.content, sent.locale) == ("SENT", None, None, "de")
    everything = str([(e.data, e.subject) for e in db.session.scalars(db.select(OutboxEvent))])
    assert "s3cr3t" not in everything


def test_a_pending_notification_stores_its_secret_encrypted(worker: Worker, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.rcpt_answers["ann@example.org"] = "451 Later"
    request = _request_notification(person, template="password-reset", sealed={"variables": {"link": "s3cr3t"}})
    worker.run()
    waiting = row(request)
    assert waiting.status == "PENDING" and waiting.sealed is not None
    assert "s3cr3t" not in str({c.name: getattr(waiting, c.key, None) for c in Notification.__table__.columns})


def test_a_repeated_request_has_no_effect(worker: Worker, mail: MailServer, as_user: AsUser) -> None:
    person, request = as_user(), uuid7()
    for _ in range(2):
        _request_notification(person, id=request, sealed={"subject": "Hi", "content": "Hello"})
    worker.run(times=3)
    assert len(mail.mails) == 1


def test_a_request_can_specify_an_address_that_is_not_verified_yet(
    worker: Worker, mail: MailServer, as_user: AsUser
) -> None:
    sealed = {"recipient": "new@example.org", "variables": {"link": "x"}}
    _request_notification(as_user(email="old@example.org"), template="verify-email", sealed=sealed)
    worker.run()
    assert mail.handler.recipients == ["new@example.org"]


def test_a_requested_in_app_message_stores_its_text(worker: Worker, as_user: AsUser) -> None:
    request = _request_notification(
        as_user(), channel="IN_APP", sealed={"subject": "Switched off", "content": "It failed."}
    )
    worker.run()
    assert (row(request).status, row(request).content) == ("SENT", "It failed.")


def test_a_request_that_can_never_be_sent_is_refused_with_the_reason(worker: Worker, as_user: AsUser) -> None:
    _request_notification(as_user(), template="nothing", sealed={"variables": {"link": "s3cr3t"}})
    worker.run()
    refused = db.session.scalars(db.select(Inbox).where(Inbox.consumer == "make_requested_notification")).one()
    assert refused.status == "refused" and "Template nothing not found" in (refused.last_error or "")
    assert (
        db.session.scalars(db.select(OutboxEvent.sealed).where(OutboxEvent.type == "notification.send")).one() is None
    )


def test_a_welcome_is_sent_once_even_if_the_event_is_delivered_repeatedly(
    worker: Worker, mail: MailServer, as_user: AsUser
) -> None:
    _emit_created(as_user(email="ann@example.org", first_name="Ann", locale="de"))
    worker.run(times=3)
    assert [str(message["Subject"]) for message in mail.mails] == ["Willkommen bei Heidi"]
    body = mail.mails[0].get_body(("plain",))
    assert body is not None and "Hallo Ann," in body.get_content()


def test_an_event_about_an_unknown_user_is_ignored(worker: Worker, mail: MailServer) -> None:
    with transaction():
        emit(UserCreated(id=uuid4(), role="USER", is_active=True))
    worker.run()
    assert mail.mails == []


def _delete(person: SignedIn, **fields: Any) -> None:
    with transaction():
        db.session.execute(db.update(type(person.user)).where(type(person.user).id == person.user.id).values(**fields))
        emit(UserDeleted(id=person.user.id, role="USER", is_active=False))


def test_a_deleted_user_is_sent_nothing_more(worker: Worker, post: Post, mail: MailServer, as_user: AsUser) -> None:
    person, other = as_user(), as_user()
    pending, others_pending = post(person), post(other)
    with transaction():
        db.session.add(PushDevice(user_id=person.user.id, kind="FCM", token="phone"))
    _delete(person, deleted_at=utcnow())
    worker.run()
    assert row(pending).status in ("CANCELLED", "FAILED")
    assert row(pending).content == "Hello", "a deleted user can be restored"
    assert row(others_pending).status == "SENT" and len(mail.mails) == 1
    assert db.session.scalar(db.select(db.func.count()).select_from(PushDevice)) == 0


def test_the_texts_of_an_erased_user_are_erased(worker: Worker, post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "554 ann@example.org rejected"
    old = delivered(post(person, subject="Dear Ann", metadata={"name": "Ann"})).id
    with transaction():
        db.session.add(NotificationPreferences(user_id=person.user.id, muted=["news:EMAIL"]))
    _delete(person, deleted_at=utcnow(), erased_at=utcnow())
    worker.run()
    blank = row(old)
    assert (blank.subject, blank.content, blank.extra, blank.status) == (None, None, None, "FAILED")
    assert db.session.scalar(db.select(Attempt.error)) is None
    assert db.session.scalar(db.select(db.func.count()).select_from(NotificationPreferences)) == 0


@pytest.mark.parametrize("erased", [False, True])
def test_the_preferences_of_a_deleted_user_are_locked_before_the_notifications(
    app: Flask, as_user: AsUser, erased: bool
) -> None:
    """Changes of preferences lock them in the same order; the opposite order could deadlock."""
    person = as_user()
    _delete(person, deleted_at=utcnow(), erased_at=utcnow() if erased else None)
    event = db.session.scalars(db.select(OutboxEvent).where(OutboxEvent.type == "user.deleted")).one()
    with recorded_statements() as sent:
        erase_user_data(event)
    locking = [text for text, _ in sent if text.startswith(("UPDATE", "DELETE")) or "FOR UPDATE" in text]
    tables = [next(t for t in ("preferences", "devices", "attempts", "notifications") if t in text) for text in locking]
    assert tables[:2] == ["preferences", "notifications"] and tables.count("preferences") == 1
