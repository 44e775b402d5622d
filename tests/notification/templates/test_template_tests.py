"""Test sends of a template: to the author, with the saved text, whatever is muted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from tests.conftest import SignedIn
from tests.notification.conftest import delivered, mail  # noqa: F401  # a fixture
from tests.notification.mailserver import MailServer

URL = "/api/v1/notifications/templates"


def created(client: FlaskClient, headers: dict[str, str], **fields: Any) -> str:
    body = {"name": "offer", "channel": "EMAIL", "subject": "For {{ name }}", "body": "Hello {{ name }}"} | fields
    response = client.post(URL, json=body, headers=headers)
    assert response.status_code == 201, response.json
    return str(response.json["data"]["id"])


def test_a_test_reaches_its_author(
    client: FlaskClient,
    as_user: Callable[..., SignedIn],
    mail: MailServer,  # noqa: F811
) -> None:
    admin = as_user(Role.ADMIN, email="author@example.org")
    template = created(client, admin.headers, name="offer-test", category="marketing")
    muted = {"preferences": [{"category": "marketing", "channel": "EMAIL", "enabled": False}]}
    assert client.put("/api/v1/notifications/preferences", json=muted, headers=admin.headers).status_code == 200
    response = client.post(f"{URL}/{template}/test", json={"variables": {"name": "Ada"}}, headers=admin.headers)
    assert response.status_code == 202, response.json
    notification = response.json["data"]
    assert notification["userId"] == str(admin.user.id)
    assert notification["metadata"] == {"isTest": True}
    assert notification["template"] == "offer-test"
    assert delivered(notification["id"]).status == "SENT"
    assert (mail.mails[-1]["To"], mail.mails[-1]["Subject"]) == ("author@example.org", "For Ada")


def test_a_missing_variable_is_named(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    template = created(client, admin.headers, name="offer-missing")
    response = client.post(f"{URL}/{template}/test", json={}, headers=admin.headers)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/variables/name"]


def test_a_repeated_request_sends_one_test(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    template = created(client, admin.headers, name="offer-repeated")
    headers = admin.headers | {"Idempotency-Key": "once"}
    body = {"variables": {"name": "Ada"}}
    sent = {client.post(f"{URL}/{template}/test", json=body, headers=headers).json["data"]["id"] for _ in range(2)}
    assert len(sent) == 1
