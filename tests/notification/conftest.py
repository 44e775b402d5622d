"""Fixtures: an app whose e-mail goes to a real SMTP server, and helpers that deliver and inspect notifications."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from heidi_common.config.settings import Settings
from heidi_common.database.session import db
from heidi_common.runtime import Runtime
from heidi_services.notification.models import Attempt, Notification
from heidi_services.notification.service.delivery.delivery import deliver
from tests.conftest import SignedIn
from tests.notification.mailserver import MailServer, mail_server

Post = Callable[..., UUID]
Send = Callable[..., int]
RECEIPTS = "/api/v1/notifications/receipts"


@pytest.fixture
def reconfigure(app: Flask, settings: Settings) -> Iterator[Callable[..., None]]:
    """Change settings of the app for one test: `reconfigure(sms_providers=("twilio",))`."""
    before = app.extensions["heidi"]

    def change(**changes: object) -> None:
        app.extensions["heidi"] = Runtime(app.extensions["heidi"].settings.changed(**changes))

    yield change
    app.extensions["heidi"] = before


@pytest.fixture
def mail(reconfigure: Callable[..., None]) -> Iterator[MailServer]:
    """A mail server to which the app sends."""
    with mail_server() as server:
        reconfigure(smtp_url=server.url)
        yield server


@pytest.fixture
def post(client: FlaskClient, as_client: Callable[..., dict[str, str]]) -> Post:
    """Send a message as a machine client: `post(user, channel="EMAIL", content="Hello")` returns its ID."""
    headers = as_client("notifications:write")

    def send(person: SignedIn, **body: object) -> UUID:
        payload = {"userId": str(person.user.id), "channel": "EMAIL", "content": "Hello"} | body
        answer = client.post("/api/v1/notifications", json=payload, headers=headers)
        assert answer.status_code == 202, answer.get_json()
        return UUID(answer.get_json()["data"]["id"])

    return send


def delivered(notification_id: UUID) -> Notification:
    """Deliver a notification as a worker does, and return its row."""
    deliver(notification_id)
    return row(notification_id)


def row(notification_id: UUID) -> Notification:
    db.session.rollback()
    return db.session.get_one(Notification, notification_id, populate_existing=True)


def attempts_of(notification_id: UUID) -> list[Attempt]:
    statement = db.select(Attempt).where(Attempt.notification_id == notification_id).order_by(Attempt.id)
    return list(db.session.scalars(statement))


@pytest.fixture
def twilio(client: FlaskClient, reconfigure: Callable[..., None]) -> Send:
    """Send callbacks as Twilio does, signed by its own library."""
    reconfigure(twilio_auth_token="token")
    signer = RequestValidator("token")

    def send(notification: object = None, *, signature: str | None = None, **fields: str) -> int:
        path = f"{RECEIPTS}/twilio" + (f"?notification={notification}" if notification else "")
        signed = signature if signature is not None else signer.compute_signature(f"http://heidi.test{path}", fields)
        headers = {"X-Twilio-Signature": signed, "Content-Type": "application/x-www-form-urlencoded"}
        return client.post(path, data=urlencode(fields), headers=headers).status_code

    return send


@pytest.fixture
def sendgrid(client: FlaskClient, reconfigure: Callable[..., None]) -> Send:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    reconfigure(sendgrid_webhook_public_key=base64.b64encode(public).decode())

    def send(*events: object, age: int = 0, tamper: bool = False) -> int:
        body = json.dumps(list(events)).encode() + b"\r\n"
        timestamp = str(int(time.time()) - age)
        signature = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))).decode()
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": signature,
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "Content-Type": "application/json",
        }
        return client.post(f"{RECEIPTS}/sendgrid", data=body + b" " * tamper, headers=headers).status_code

    return send
