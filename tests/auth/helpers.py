"""Helpers of the tests of auth: an acceptable password, register, sign in, read the requested e-mails."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent

PASSWORD = "violet-harbour-91-lantern"
ANOTHER = "seven quiet otters & a drum"


def register(client: FlaskClient, email: str = "ada@example.test", password: str = PASSWORD, **fields: Any) -> Any:
    response = client.post("/api/v1/auth/register", json={"email": email, "password": password, **fields})
    assert response.status_code == 201, response.json
    return response.json["data"]


def login(client: FlaskClient, email: str = "ada@example.test", password: str = PASSWORD, **options: Any) -> Any:
    return client.post("/api/v1/auth/login", json={"email": email, "password": password}, **options)


def bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_in['accessToken']}"}


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post("/api/v1/auth/refresh", json={"refreshToken": token})


def mails(template: str) -> list[dict[str, Any]]:
    """The decrypted content of the e-mails of a template that were requested from the notification service."""
    db.session.rollback()
    events = db.session.scalars(
        select(OutboxEvent).where(OutboxEvent.type == "notification.send").order_by(OutboxEvent.id)
    )
    return [event.decrypt_secret_data() for event in events if event.data["template"] == template]


def verify_email(client: FlaskClient, email: str = "ada@example.test", **options: Any) -> None:
    """Open the link of the latest verification e-mail to an address."""
    token = [mail["variables"]["token"] for mail in mails("verify-email") if mail["recipient"] == email][-1]
    assert client.post("/api/v1/auth/email/verify", json={"token": token}, **options).status_code == 204


def register_verified(client: FlaskClient, email: str = "ada@example.test", **fields: Any) -> Any:
    """Register a user who then verifies the address."""
    signed_in = register(client, email, **fields)
    verify_email(client, email, headers=bearer(signed_in))
    return signed_in
