"""From the POST to the mailbox: delivery, its recorded results, and its failures."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from heidi_common.crypto.encryption import DecryptionError
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.models import Notification, Suppression
from heidi_services.notification.service import retention, scheduled_tasks
from heidi_services.notification.service.delivery import delivery, delivery_decision, delivery_results
from heidi_services.notification.service.delivery.claim import claim
from heidi_services.notification.service.delivery.delivery import deliver
from heidi_services.notification.service.delivery.manual_retry import retry_notification
from tests.conftest import SignedIn
from tests.notification.conftest import Post, attempts_of, delivered, row
from tests.notification.devices import device_token
from tests.notification.mailserver import MailServer
from tests.ports import free_port

AsUser = Callable[..., SignedIn]


def _events(kind: str) -> list[OutboxEvent]:
    return list(db.session.scalars(db.select(OutboxEvent).where(OutboxEvent.type == kind)))


def _due_now(notification_id: object) -> None:
    """End the pause before the next attempt."""
    past = utcnow() - timedelta(seconds=1)
    with transaction():
        db.session.execute(
            db.update(Notification)
            .where(Notification.id == notification_id)
            .values(next_attempt_at=past, hinted_until=past)
        )


def test_an_email_reaches_its_recipient_and_the_result_is_recorded(
    post: Post, mail: MailServer, as_user: AsUser
) -> None:
    person = as_user(email="ann@example.org")
    sent = delivered(post(person, subject="Hi", content="Hello Ann"))
    assert (sent.status, sent.attempts) == ("SENT", 1)
    assert sent.sent_at is not None and sent.locked_until is None
    assert mail.mails[0]["To"] == "ann@example.org" and mail.mails[0]["Subject"] == "Hi"
    (attempt,) = attempts_of(sent.id)
    assert (attempt.outcome, attempt.provider, attempt.provider_id) == ("sent", "smtp", mail.mails[0]["Message-ID"])
    assert [event.subject for event in _events("notification.queued")] == [str(sent.id)]
    (event,) = _events("notification.sent")
    assert event.data == {"id": str(sent.id), "userId": str(person.user.id), "channel": "EMAIL", "category": "general"}


def test_a_notification_that_is_delivered_twice_is_sent_once(post: Post, mail: MailServer, as_user: AsUser) -> None:
    notification_id = post(as_user())
    deliver(notification_id)
    deliver(notification_id)
    assert len(mail.mails) == 1


def test_a_notification_that_does_not_exist_is_ignored(mail: MailServer) -> None:
    deliver(uuid4())
    assert mail.mails == []


def test_a_temporary_failure_is_retried_when_the_pause_is_over(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.rcpt_answers["ann@example.org"] = "451 4.7.1 Later"
    waiting = delivered(post(person))
    assert waiting.status == "PENDING" and waiting.next_attempt_at > utcnow()
    deliver(waiting.id)
    assert len(attempts_of(waiting.id)) == 1, "not before it is due"

    mail.handler.rcpt_answers.clear()
    _due_now(waiting.id)
    assert scheduled_tasks.overdue(10) == [waiting.id]
    assert scheduled_tasks.overdue(10) == [], "one wake-up message is in flight"
    assert delivered(waiting.id).status == "SENT"
    assert [attempt.outcome for attempt in attempts_of(waiting.id)] == ["temporary", "sent"]


def test_a_notification_stays_pending_while_the_mail_server_is_unavailable(
    post: Post, reconfigure: Callable[..., None], as_user: AsUser
) -> None:
    reconfigure(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    waiting = delivered(post(as_user()))
    assert (waiting.status, attempts_of(waiting.id)[0].outcome) == ("PENDING", "technical")


def test_a_lost_response_is_ambiguous_and_retried_with_the_same_message_id(
    post: Post, mail: MailServer, as_user: AsUser, client: FlaskClient
) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "hang up"
    waiting = delivered(post(person))
    mail.handler.data_answers.clear()
    _due_now(waiting.id)
    assert delivered(waiting.id).status == "SENT"
    assert mail.mails[0]["Message-ID"] == mail.mails[1]["Message-ID"]
    answer = client.get(f"/api/v1/notifications/{waiting.id}/attempts", headers=person.headers).get_json()["data"]
    assert [attempt["ambiguous"] for attempt in answer] == [True, False]


def test_a_permanent_rejection_is_not_retried(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.data_answers["ann@example.org"] = "554 5.7.1 Spam"
    failed = delivered(post(person))
    assert (failed.status, failed.failure_reason) == ("FAILED", "refused")
    (event,) = _events("notification.failed")
    assert event.data["reason"] == "refused"
    assert "ann@example.org" not in str(event.data)


def test_an_unknown_mailbox_is_suppressed(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="gone@example.org")
    mail.handler.rcpt_answers["gone@example.org"] = "550 5.1.1 No such user"
    assert delivered(post(person)).failure_reason == "refused"
    assert db.session.scalar(db.select(Suppression.address)) == "gone@example.org"
    mail.handler.rcpt_answers.clear()
    second = delivered(post(person))
    assert (second.status, second.failure_reason) == ("FAILED", "suppressed")
    assert mail.mails == []


def test_there_is_no_attempt_after_the_last_one(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user(email="ann@example.org")
    mail.handler.rcpt_answers["ann@example.org"] = "451 Later"
    waiting = delivered(post(person))
    assert timedelta(hours=71) < _gives_up_at(waiting) - utcnow() < timedelta(hours=72)
    _give_up_now(waiting.id)
    failed = delivered(waiting.id)
    assert (failed.status, failed.failure_reason) == ("FAILED", "attempts_exhausted")
    assert retry_notification(failed.id).retry_progress is None
    _due_now(waiting.id)
    assert delivered(waiting.id).status == "PENDING", "retried by hand, it has three days again"


def _gives_up_at(waiting: Notification) -> datetime:
    assert waiting.retry_progress is not None
    return datetime.fromisoformat(waiting.retry_progress["giveUpAt"])


def _give_up_now(notification_id: UUID) -> None:
    progress = {**(row(notification_id).retry_progress or {}), "giveUpAt": utcnow().isoformat()}
    with transaction():
        db.session.execute(db.update(Notification).values(retry_progress=progress))
    _due_now(notification_id)


def test_an_outage_of_hours_loses_no_message(post: Post, mail: MailServer, as_user: AsUser) -> None:
    mail.handler.mail_answers = ["421 Down for maintenance"] * 60
    waiting = post(as_user(email="ann@example.org"))
    for _ in range(30):
        assert delivered(waiting).status == "PENDING"
        _due_now(waiting)
    mail.handler.mail_answers = []
    assert delivered(waiting).status == "SENT"


def test_rejected_credentials_wait_until_they_are_replaced(
    post: Post, mail: MailServer, as_user: AsUser, reconfigure: Callable[..., None]
) -> None:
    working = mail.url
    reconfigure(smtp_url=f"smtp://ann:secret@127.0.0.1:{mail.port}")
    waiting = delivered(post(as_user(email="ann@example.org")))
    assert (waiting.status, attempts_of(waiting.id)[0].outcome) == ("PENDING", "technical")
    reconfigure(smtp_url=working)
    _due_now(waiting.id)
    assert delivered(waiting.id).status == "SENT"


def test_rejected_credentials_are_the_reason_in_the_end(
    post: Post, mail: MailServer, as_user: AsUser, reconfigure: Callable[..., None]
) -> None:
    reconfigure(smtp_url=f"smtp://ann:secret@127.0.0.1:{mail.port}")
    waiting = delivered(post(as_user()))
    _give_up_now(waiting.id)
    assert delivered(waiting.id).failure_reason == "misconfigured"


def test_a_message_that_may_have_been_accepted_twice_is_not_sent_again(
    post: Post, mail: MailServer, as_user: AsUser
) -> None:
    mail.handler.data_answers["ann@example.org"] = "hang up"
    waiting = delivered(post(as_user(email="ann@example.org")))
    assert waiting.next_attempt_at - utcnow() > timedelta(minutes=25), "far apart"
    _due_now(waiting.id)
    failed = delivered(waiting.id)
    assert (failed.status, failed.failure_reason, len(mail.mails)) == ("FAILED", "timeout", 2)


class _Devices:
    """A push provider with the outcomes of each device's next calls; afterwards every call succeeds."""

    name = "devices"

    def __init__(self, outcomes: dict[str, list[DeliveryOutcome]]) -> None:
        self.outcomes, self.calls = outcomes, list[str]()

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        self.calls.append(message.recipient)
        left = self.outcomes.get(message.recipient, [])
        return SendResult(left.pop(0) if left else DeliveryOutcome.SENT, self.name)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (DeliveryOutcome.TEMPORARY, DeliveryOutcome.SENT, "SENT"),
        (DeliveryOutcome.TECHNICAL, DeliveryOutcome.PERMANENT, "SENT"),
        (DeliveryOutcome.AMBIGUOUS, DeliveryOutcome.AMBIGUOUS, "SENT"),
    ],
)
def test_only_the_device_that_failed_temporarily_is_retried(
    post: Post,
    client: FlaskClient,
    as_user: AsUser,
    monkeypatch: pytest.MonkeyPatch,
    first: DeliveryOutcome,
    second: DeliveryOutcome,
    status: str,
) -> None:
    person = as_user()
    for name in ("phone", "tablet"):
        client.post("/api/v1/notifications/devices", json={"token": device_token(name)}, headers=person.headers)
    sender = _Devices({device_token("tablet"): [first, second]})
    monkeypatch.setattr(delivery_decision, "senders_for", lambda *_: [sender])
    waiting = delivered(post(person, channel="PUSH"))
    assert (waiting.status, sorted(sender.calls)) == ("PENDING", [device_token("phone"), device_token("tablet")])
    _due_now(waiting.id)
    assert (delivered(waiting.id).status, sender.calls[2:]) == (status, [device_token("tablet")])
    assert len(_events("notification.sent")) == 1


def test_a_notification_that_always_crashes_its_worker_fails_in_the_end(
    post: Post, mail: MailServer, as_user: AsUser
) -> None:
    poison = post(as_user())
    with transaction():
        db.session.execute(db.update(Notification).values(sealed="encrypted with a lost key"))
    with pytest.raises(DecryptionError):
        deliver(poison)
    with transaction():
        db.session.execute(db.update(Notification).values(attempts=20, locked_until=None))
    assert delivered(poison).failure_reason == "attempts_exhausted"


def test_a_scheduled_message_is_not_sent_before_its_time(post: Post, mail: MailServer, as_user: AsUser) -> None:
    later = utcnow() + timedelta(hours=1)
    waiting = delivered(post(as_user(), scheduledFor=later.isoformat()))
    assert (waiting.status, waiting.attempts, mail.mails) == ("PENDING", 0, [])
    assert scheduled_tasks.overdue(10) == []
    _due_now(waiting.id)
    assert scheduled_tasks.overdue(10) == [waiting.id]
    assert delivered(waiting.id).status == "SENT"


def test_an_expired_notification_is_not_sent(post: Post, mail: MailServer, as_user: AsUser) -> None:
    waiting = row(post(as_user(), expiresAt=(utcnow() + timedelta(hours=1)).isoformat()))
    with transaction():
        db.session.execute(db.update(Notification).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert delivered(waiting.id).failure_reason == "expired"
    assert mail.mails == []


def test_the_clock_fails_a_notification_that_expires_while_it_is_pending(
    post: Post, mail: MailServer, as_user: AsUser
) -> None:
    soon = (utcnow() + timedelta(hours=1)).isoformat()
    notification_id = post(as_user(), expiresAt=soon, scheduledFor=(utcnow() + timedelta(minutes=1)).isoformat())
    with transaction():
        db.session.execute(db.update(Notification).values(expires_at=utcnow() - timedelta(seconds=1)))
    scheduled_tasks.fail_expired()
    expired = row(notification_id)
    assert (expired.status, expired.failure_reason) == ("FAILED", "expired")
    assert [event.subject for event in _events("notification.failed")] == [str(notification_id)]


def test_a_deleted_user_is_sent_nothing(post: Post, mail: MailServer, as_user: AsUser) -> None:
    person = as_user()
    notification_id = post(person)
    with transaction():
        person.user.deleted_at = utcnow()
        db.session.add(person.user)
    failed = delivered(notification_id)
    assert (failed.status, failed.failure_reason, mail.mails) == ("FAILED", "user_deleted", [])


def test_a_notification_of_a_crashed_worker_is_delivered_after_its_lease(
    post: Post, mail: MailServer, as_user: AsUser
) -> None:
    notification_id = post(as_user())
    future, past = utcnow() + timedelta(seconds=50), utcnow() - timedelta(seconds=1)
    with transaction():
        db.session.execute(db.update(Notification).values(locked_until=future, hinted_until=past, attempts=1))
    deliver(notification_id)
    assert mail.mails == [] and scheduled_tasks.overdue(10) == [], "its lease has not expired"
    with transaction():
        db.session.execute(db.update(Notification).values(locked_until=past))
    assert scheduled_tasks.overdue(10) == [notification_id]
    assert delivered(notification_id).attempts == 2


def test_old_notifications_are_deleted_with_their_attempts(post: Post, mail: MailServer, as_user: AsUser) -> None:
    old, young = delivered(post(as_user())).id, delivered(post(as_user())).id
    with transaction():
        long_ago = utcnow() - timedelta(days=366)
        db.session.execute(db.update(Notification).where(Notification.id == old).values(created_at=long_ago))
    retention.delete_expired()
    assert list(db.session.scalars(db.select(Notification.id))) == [young]
    assert attempts_of(old) == []


@pytest.mark.parametrize(("channel", "reason"), [("SMS", "no_address"), ("PUSH", "no_device")])
def test_a_notification_without_an_address_fails(post: Post, as_user: AsUser, channel: str, reason: str) -> None:
    failed = delivered(post(as_user(), channel=channel))
    assert (failed.status, failed.failure_reason) == ("FAILED", reason)


class _SlowSender:
    """Each call takes as long as a lease; meanwhile another worker tries to claim the notification."""

    name = "slow"

    def __init__(self, notification_id: UUID) -> None:
        self.notification_id, self.claimed_by_another = notification_id, list[bool]()

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        self.claimed_by_another.append(claim(self.notification_id) is not None)
        with transaction():
            db.session.execute(db.update(Notification).values(locked_until=utcnow() - timedelta(seconds=1)))
        return SendResult(DeliveryOutcome.SENT, self.name)


def test_a_delivery_to_many_slow_devices_keeps_its_lease(
    post: Post, client: FlaskClient, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = as_user()
    for name in ("first", "second", "third"):
        client.post("/api/v1/notifications/devices", json={"token": device_token(name)}, headers=person.headers)
    sender = _SlowSender(post(person, channel="PUSH"))
    monkeypatch.setattr(delivery_decision, "senders_for", lambda *_: [sender])
    monkeypatch.setattr(delivery, "EXTEND_AFTER_SECONDS", 0.0)
    assert delivered(sender.notification_id).status == "SENT"
    assert sender.claimed_by_another == [False] * 3


def test_a_worker_whose_lease_has_expired_changes_nothing(post: Post, as_user: AsUser) -> None:
    notification_id = post(as_user())
    first = claim(notification_id)
    with transaction():
        db.session.execute(db.update(Notification).values(locked_until=utcnow() - timedelta(seconds=1)))
    second = claim(notification_id)
    assert first is not None and second is not None
    delivery_results.mark_failed(first, "refused")
    assert (row(notification_id).status, _events("notification.failed")) == ("PENDING", [])
    delivery_results.mark_failed(second, "refused")
    assert row(notification_id).status == "FAILED"
