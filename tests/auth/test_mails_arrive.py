"""Every e-mail that auth requests is delivered in both languages; its secrets are in the e-mail and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.runtime import Runtime
from heidi_services.notification.models import Notification
from heidi_services.notification.service import event_handlers
from heidi_services.notification.service.delivery.delivery import deliver
from tests.auth.helpers import ANOTHER, PASSWORD, bearer, login, mails, refresh, register
from tests.auth.test_mfa import TOTP
from tests.auth.test_password_mails import request_reset, reset
from tests.notification.mailserver import MailServer, mail_server


@pytest.fixture
def mail(app: Flask) -> Iterator[MailServer]:
    before = app.extensions["heidi"]
    with mail_server() as server:
        app.extensions["heidi"] = Runtime(replace(before.settings, smtp_url=server.url))
        yield server
    app.extensions["heidi"] = before


def deliver_requested_mails() -> None:
    """Do what the workers do with the requests."""
    db.session.rollback()
    for event in db.session.scalars(
        select(OutboxEvent).where(OutboxEvent.type == "notification.send").order_by(OutboxEvent.id)
    ).all():
        event_handlers.handle_notification_send(event)
        deliver(UUID(event.subject))


SUBJECTS = {
    "en": [
        "Confirm your e-mail address",
        "New sign-in to your account",
        "Reset your password",
        "Your password was changed",
        "We ended one of your sessions",
    ],
    "de": [
        "Bestätigen Sie Ihre E-Mail-Adresse",
        "Neue Anmeldung an Ihrem Konto",
        "Setzen Sie Ihr Passwort zurück",
        "Ihr Passwort wurde geändert",
        "Wir haben eine Ihrer Sitzungen beendet",
    ],
}


@pytest.mark.parametrize("language", SUBJECTS)
def test_each_mail_arrives_in_the_users_language(client: FlaskClient, mail: MailServer, language: str) -> None:
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    register(client, firstName="Zoë")
    login(client, headers={"User-Agent": "Another/1"})
    token = request_reset(client)
    assert reset(client, token).status_code == 204
    data = login(client, password=ANOTHER).json["data"]
    second = refresh(client, data["refreshToken"]).json["data"]
    refresh(client, second["refreshToken"])
    assert refresh(client, data["refreshToken"]).status_code == 401
    deliver_requested_mails()
    assert [str(received["Subject"]) for received in mail.mails] == SUBJECTS[language]
    assert {received["To"].addresses[0].addr_spec for received in mail.mails} == {"ada@example.test"}
    texts = [received.get_body(("plain",)).get_content() for received in mail.mails]
    assert "Zoë" not in texts[0] and "Zoë" in texts[-1], "a name is mailed to a proven address only"
    assert token in texts[2]
    rows = db.session.scalars(select(Notification)).all()
    assert all(row.category == "security" and token not in str(vars(row)) for row in rows)


def test_the_less_frequent_mails_arrive(client: FlaskClient, mail: MailServer) -> None:
    data = register(client)
    client.post("/api/v1/auth/email/verify", json={"token": mails("verify-email")[0]["variables"]["token"]})
    secret = client.post(TOTP, headers=bearer(data)).json["data"]["secret"]
    client.post(f"{TOTP}/confirm", json={"code": pyotp.TOTP(secret).now()}, headers=bearer(data))
    client.delete(TOTP, headers=bearer(data))
    app = client.application
    app.extensions["heidi"] = Runtime(replace(app.extensions["heidi"].settings, auth_registration="verified"))
    client.post("/api/v1/auth/register", json={"email": "ada@example.test", "password": PASSWORD})
    deliver_requested_mails()
    subjects = [str(received["Subject"]) for received in mail.mails]
    assert subjects[1:] == ["Two-factor authentication was turned off for your account", "You already have an account"]
