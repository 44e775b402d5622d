"""What an operator does at night: from "needs attention" to the cause, and until the work is done."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.messaging.inbox import Inbox
from heidi_services.integration.models import Delivery
from tests.conftest import SignedIn
from tests.core.test_events import add_dead_rows, publish, user_created
from tests.integration.helpers import create_integration, deliver, forward, user_updated
from tests.notification.conftest import Post
from tests.notification.conftest import delivered as deliver_message
from tests.notification.mailserver import MailServer

OpenAs = Callable[..., Page]
AsUser = Callable[..., SignedIn]


def test_from_needs_attention_to_a_sent_message(
    app: Flask, open_as: OpenAs, as_user: AsUser, post: Post, mail: MailServer
) -> None:
    admin = as_user(Role.ADMIN, email="admin@example.test")
    message = post(admin, subject="Your invoice")
    mail.handler.data_answers[admin.user.email] = "554 5.6.0 Content rejected"
    assert deliver_message(message).status == "FAILED"
    page = open_as(admin)
    page.goto("/console/")
    page.get_by_role("link", name="1 message failed").click()
    page.get_by_role("link", name="Your invoice").click()
    expect(page.locator("#attempts").get_by_text("5.6.0 Content rejected")).to_be_visible()
    mail.handler.data_answers.clear()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#heading").get_by_text("Waiting")).to_be_visible()
    deliver_message(message)
    expect(page.locator("#heading").get_by_text("Sent")).to_be_visible()
    page.goto("/console/")
    expect(page.get_by_text("Nothing needs attention.")).to_be_visible()


def test_an_endpoint_fails_and_its_deliveries_are_recovered(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: AsUser, httpserver: HTTPServer
) -> None:
    admin, person = as_user(Role.ADMIN), as_user()
    httpserver.expect_request("/hook").respond_with_data("database is down", status=503)
    hook = create_integration(
        client, admin.headers, name="Shop", webhookUrl=httpserver.url_for("/hook"), config={"eventTypes": ["user.*"]}
    )
    (delivery,) = forward(user_updated(person.user.id))
    assert deliver(delivery).status == "PENDING"
    page = open_as(admin)
    page.goto(f"/console/webhooks/{hook['id']}")
    page.locator("#deliveries").get_by_role("link", name="user.updated").click()
    expect(page.get_by_text("database is down")).to_be_visible()
    expect(page.locator("#delivery").get_by_text("To be retried")).to_be_visible()
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("thanks")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#delivery").get_by_text("Waiting")).to_be_visible()
    assert deliver(delivery).status == "DELIVERED"
    expect(page.locator("#delivery").get_by_text("Delivered").first).to_be_visible()
    assert db.session.scalars(select(Delivery.attempts)).one() >= 1


def test_a_dead_letter_is_replayed(app: Flask, open_as: OpenAs) -> None:
    (event,) = publish(user_created())
    add_dead_rows(event, "welcome_user")
    page = open_as(Role.ADMIN)
    page.goto("/console/")
    page.get_by_role("link", name="1 dead letter").click()
    expect(page.get_by_text("ValueError: no")).to_be_visible()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_text("The event is being handled again.")).to_be_visible()
    expect(page.get_by_text("No dead letters.")).to_be_visible()
    db.session.expire_all()
    row = db.session.scalars(select(Inbox).where(Inbox.event_id == UUID(event))).one()
    assert row.status != "dead"
