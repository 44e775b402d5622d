"""What the tests of auth share: a password that is fine, registering, signing in, reading the mails."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.messaging.outbox import OutboxEvent

PASSWORD = "violet-harbour-91-lantern"
ANOTHER = "seven quiet otters & a drum"


def register(client: FlaskClient, email: str = "ada@example.test", password: str = PASSWORD, **more: Any) -> Any:
    found = client.post("/api/v1/auth/register", json={"email": email, "password": password, **more})
    assert found.status_code == 201, found.json
    return found.json["data"]


def login(client: FlaskClient, email: str = "ada@example.test", password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/api/v1/auth/login", json={"email": email, "password": password}, **more)


def bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_in['accessToken']}"}


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post("/api/v1/auth/refresh", json={"refreshToken": token})


def mails(template: str) -> list[dict[str, Any]]:
    """What was asked of the notification service, opened."""
    db.session.rollback()
    events = db.session.scalars(
        select(OutboxEvent).where(OutboxEvent.type == "notification.send").order_by(OutboxEvent.id)
    )
    return [event.decrypt_secret_data() for event in events if event.data["template"] == template]
