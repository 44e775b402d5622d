"""What providers say later: only theirs is believed, and it moves a notification only forward."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.notification.models import Suppression
from tests.conftest import SignedIn
from tests.notification.conftest import Post, delivered, row
from tests.notification.mailserver import MailServer

AsUser = Callable[..., SignedIn]
Say = Callable[..., int]
URL = "/api/v1/notifications/receipts"


@pytest.fixture
def twilio(client: FlaskClient, reconfigure: Callable[..., None]) -> Say:
    """Speak as Twilio: signed by its own library."""
    reconfigure(twilio_auth_token="token")
    signer = RequestValidator("token")

    def say(notification: object = None, *, signature: str | None = None, **fields: str) -> int:
        path = f"{URL}/twilio" + (f"?notification={notification}" if notification else "")
        signed = signature if signature is not None else signer.compute_signature(f"http://heidi.test{path}", fields)
        headers = {"X-Twilio-Signature": signed, "Content-Type": "application/x-www-form-urlencoded"}
        return client.post(path, data=urlencode(fields), headers=headers).status_code

    return say


@pytest.fixture
def sms(post: Post, as_user: AsUser) -> Callable[[], Any]:
    """A text message that was handed over."""
    return lambda: delivered(post(as_user(phone="+15005550006"), channel="SMS"))


def test_a_receipt_of_twilio_moves_the_notification(twilio: Say, sms: Callable[[], Any]) -> None:
    sent = sms()
    assert twilio(sent.id, MessageSid="SM1", MessageStatus="delivered") == 204
    assert (row(sent.id).status, row(sent.id).delivered_at is not None) == ("DELIVERED", True)
    assert twilio(sent.id, MessageSid="SM1", MessageStatus="sent") == 204
    assert row(sent.id).status == "DELIVERED", "only forward"


def test_a_failure_reported_later_is_a_failure_and_a_fact(twilio: Say, sms: Callable[[], Any]) -> None:
    sent = sms()
    for _ in range(2):
        assert twilio(sent.id, MessageSid="SM1", MessageStatus="undelivered") == 204
    assert (row(sent.id).status, row(sent.id).failure_reason) == ("FAILED", "undelivered")
    facts = list(db.session.scalars(db.select(OutboxEvent).where(OutboxEvent.type == "notification.failed")))
    assert [fact.subject for fact in facts] == [str(sent.id)], "once, however often it is said"


def test_a_receipt_that_is_faster_than_our_own_commit_counts(twilio: Say, post: Post, as_user: AsUser) -> None:
    pending = post(as_user(phone="+15005550006"), channel="SMS")
    assert twilio(pending, MessageSid="SM1", MessageStatus="delivered") == 204
    assert row(pending).status == "DELIVERED"


def test_a_receipt_by_the_providers_own_id_finds_the_notification(twilio: Say, sms: Callable[[], Any]) -> None:
    sent = sms()
    assert twilio(MessageSid=sent.provider_id, MessageStatus="delivered") == 204
    assert row(sent.id).status == "DELIVERED"


def test_a_person_who_says_stop_gets_no_more(twilio: Say, post: Post, as_user: AsUser) -> None:
    person = as_user(phone="+15005550006")
    assert twilio(From="+15005550006", Body="STOP", OptOutType="STOP") == 204
    assert delivered(post(person, channel="SMS")).failure_reason == "suppressed"


@pytest.mark.parametrize("signature", ["", "AAAA", "ä", "x" * 5000])
def test_what_is_not_signed_by_twilio_changes_nothing(twilio: Say, sms: Callable[[], Any], signature: str) -> None:
    sent = sms()
    assert twilio(sent.id, signature=signature, MessageSid="SM1", MessageStatus="delivered") == 401
    assert row(sent.id).status == "SENT"


def test_a_receipt_for_nothing_we_know_is_taken_and_forgotten(twilio: Say) -> None:
    assert twilio("01890a5d-ac96-774b-bcce-b302099a8057", MessageSid="SM9", MessageStatus="delivered") == 204


def test_without_a_token_configured_nobody_is_believed(client: FlaskClient) -> None:
    signed = RequestValidator("").compute_signature(f"http://heidi.test{URL}/twilio", {"MessageStatus": "sent"})
    answer = client.post(f"{URL}/twilio", data={"MessageStatus": "sent"}, headers={"X-Twilio-Signature": signed})
    assert answer.status_code == 401


def test_an_unknown_provider_does_not_exist(client: FlaskClient) -> None:
    assert client.post(f"{URL}/pigeon", data=b"x").status_code == 404


# SendGrid


@pytest.fixture
def sendgrid(client: FlaskClient, reconfigure: Callable[..., None]) -> Say:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    reconfigure(sendgrid_webhook_public_key=base64.b64encode(public).decode())

    def say(*events: object, age: int = 0, tamper: bool = False) -> int:
        body = json.dumps(list(events)).encode() + b"\r\n"
        timestamp = str(int(time.time()) - age)
        signature = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))).decode()
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": signature,
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "Content-Type": "application/json",
        }
        return client.post(f"{URL}/sendgrid", data=body + b" " * tamper, headers=headers).status_code

    return say


def test_events_of_sendgrid_move_their_notifications(
    sendgrid: Say, post: Post, as_user: AsUser, mail: MailServer, reconfigure: Callable[..., None]
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
    suppressed = {(one.address, one.reason) for one in db.session.scalars(db.select(Suppression))}
    assert suppressed == {("a@example.org", "complaint"), ("b@example.org", "bounced")}


def test_a_stale_or_changed_event_is_refused(sendgrid: Say) -> None:
    assert sendgrid({"event": "open"}, age=25 * 3600) == 401
    assert sendgrid({"event": "open"}, age=-25 * 3600) == 401
    assert sendgrid({"event": "open"}, tamper=True) == 401
    assert sendgrid({"event": "open"}, age=23 * 3600) == 204
