"""Delivery receipts: only verified ones are processed, and a status only moves forward."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import Suppression
from tests.conftest import SignedIn
from tests.notification.conftest import RECEIPTS as URL
from tests.notification.conftest import Post, Send, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]


@pytest.fixture
def sms(post: Post, as_user: AsUser) -> Callable[[], Any]:
    """A text message that was sent."""
    return lambda: delivered(post(as_user(phone="+15005550006"), channel="SMS"))


def test_twilios_receipt_updates_the_status(twilio: Send, sms: Callable[[], Any]) -> None:
    sent = sms()
    assert twilio(sent.id, MessageSid="SM1", MessageStatus="delivered") == 204
    assert (row(sent.id).status, row(sent.id).delivered_at is not None) == ("DELIVERED", True)
    assert twilio(sent.id, MessageSid="SM1", MessageStatus="sent") == 204
    assert row(sent.id).status == "DELIVERED", "a status only moves forward"


def test_a_failure_that_is_reported_later_emits_one_event(twilio: Send, sms: Callable[[], Any]) -> None:
    sent = sms()
    for _ in range(2):
        assert twilio(sent.id, MessageSid="SM1", MessageStatus="undelivered") == 204
    assert (row(sent.id).status, row(sent.id).failure_reason) == ("FAILED", "undelivered")
    events = list(db.session.scalars(db.select(OutboxEvent).where(OutboxEvent.type == "notification.failed")))
    assert [event.subject for event in events] == [str(sent.id)], "one event for repeated receipts"


def test_a_receipt_that_arrives_before_the_commit_is_applied(twilio: Send, post: Post, as_user: AsUser) -> None:
    pending = post(as_user(phone="+15005550006"), channel="SMS")
    assert twilio(pending, MessageSid="SM1", MessageStatus="delivered") == 204
    assert row(pending).status == "DELIVERED"


def test_a_receipt_can_identify_the_notification_by_the_providers_id(twilio: Send, sms: Callable[[], Any]) -> None:
    sent = sms()
    assert twilio(MessageSid=sent.provider_id, MessageStatus="delivered") == 204
    assert row(sent.id).status == "DELIVERED"


def test_a_number_that_replied_stop_is_suppressed(twilio: Send, post: Post, as_user: AsUser) -> None:
    person = as_user(phone="+15005550006")
    assert twilio(From="+15005550006", Body="STOP", OptOutType="STOP") == 204
    assert delivered(post(person, channel="SMS")).failure_reason == "suppressed"


@pytest.mark.parametrize("signature", ["", "AAAA", "ä", "x" * 5000])
def test_a_callback_without_twilios_signature_changes_nothing(
    twilio: Send, sms: Callable[[], Any], signature: str
) -> None:
    sent = sms()
    assert twilio(sent.id, signature=signature, MessageSid="SM1", MessageStatus="delivered") == 401
    assert row(sent.id).status == "SENT"


def test_a_receipt_for_an_unknown_notification_is_ignored(twilio: Send) -> None:
    assert twilio("01890a5d-ac96-774b-bcce-b302099a8057", MessageSid="SM9", MessageStatus="delivered") == 204


def test_without_a_configured_token_every_callback_is_rejected(client: FlaskClient) -> None:
    signed = RequestValidator("").compute_signature(f"http://heidi.test{URL}/twilio", {"MessageStatus": "sent"})
    answer = client.post(f"{URL}/twilio", data={"MessageStatus": "sent"}, headers={"X-Twilio-Signature": signed})
    assert answer.status_code == 401


def test_an_unknown_provider_does_not_exist(client: FlaskClient) -> None:
    assert client.post(f"{URL}/pigeon", data=b"x").status_code == 404


# SendGrid


def test_sendgrids_events_update_their_notifications(
    sendgrid: Send, post: Post, as_user: AsUser, mail: MailServer, reconfigure: Callable[..., None]
) -> None:
    good, bad = delivered(post(as_user())).id, delivered(post(as_user())).id
    events = [
        {"event": "delivered", "notification_id": str(good), "email": "a@example.org"},
        {"event": "bounce", "type": "bounce", "notification_id": str(bad), "email": "b@example.org"},
        {"event": "spamreport", "notification_id": str(good), "email": "a@example.org"},
        {"event": "open", "notification_id": str(good)},
        {"event": "delivered", "notification_id": "order-7", "email": "c@example.org"},
        "not an event",
    ]
    assert sendgrid(*events) == 204
    assert (row(good).status, row(bad).status, row(bad).failure_reason) == ("DELIVERED", "FAILED", "bounced")
    suppressed = {(row.address, row.reason) for row in db.session.scalars(db.select(Suppression))}
    assert suppressed == {("a@example.org", "complaint"), ("b@example.org", "bounced")}


def test_an_old_or_modified_event_is_rejected(sendgrid: Send) -> None:
    assert sendgrid({"event": "open"}, age=25 * 3600) == 401
    assert sendgrid({"event": "open"}, age=-25 * 3600) == 401
    assert sendgrid({"event": "open"}, tamper=True) == 401
    assert sendgrid({"event": "open"}, age=23 * 3600) == 204
