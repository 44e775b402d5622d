"""Messages: an operator finds out why one failed, retries it, and sees that it was sent."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_services.notification.enums import Channel
from heidi_services.notification.models import Notification
from heidi_services.notification.service.delivery.delivery import deliver
from heidi_services.notification.service.recipients import suppressions
from tests.conftest import SignedIn
from tests.console.examples import html_message
from tests.notification.conftest import Post
from tests.notification.mailserver import MailServer

OpenAs = Callable[..., Page]


def test_a_failed_message_is_retried_and_its_status_changes_without_a_reload(
    app: Flask,
    open_as: OpenAs,
    as_user: Callable[..., SignedIn],
    post: Post,
    mail: MailServer,
) -> None:
    admin = as_user(Role.ADMIN, email="admin@example.test")
    message_id = post(admin, subject="Your invoice", content="It is due.")
    mail.handler.data_answers[admin.user.email] = "554 5.6.0 Content rejected"
    deliver(message_id)
    page = open_as(admin)
    page.goto("/console/messages/?status=FAILED")
    page.get_by_role("link", name="Your invoice").click()
    expect(page.get_by_text("5.6.0 Content rejected").first).to_be_visible()
    mail.handler.data_answers.clear()
    page.get_by_role("button", name="Retry").click()
    heading = page.locator("#heading")
    expect(heading.get_by_text("Waiting")).to_be_visible()
    deliver(message_id)
    expect(heading.get_by_text("Sent")).to_be_visible()
    expect(page.locator("#attempts").get_by_text("Attempt 2")).to_be_visible()


def test_a_message_to_a_suppressed_address_leads_to_the_suppression(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn], post: Post, mail: MailServer
) -> None:
    admin = as_user(Role.ADMIN, email="ann@example.test")
    suppressions.add_suppression(Channel.EMAIL, admin.user.email, reason="asked by telephone", actor=admin.user.id)
    message_id = post(admin, subject="Your invoice", content="It is due.")
    deliver(message_id)
    page = open_as(admin)
    page.goto(f"/console/messages/{message_id}")
    expect(page.locator("#heading")).to_contain_text("asked by telephone")
    page.locator("#heading").get_by_role("link", name="Suppressions").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value("ann@example.test")
    expect(page.get_by_role("main")).to_contain_text("asked by telephone")


def test_a_message_is_composed_and_reaches_the_queue(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn]
) -> None:
    as_user(email="ada@example.test")
    page = open_as(Role.MODERATOR)
    page.goto("/console/messages/new")
    page.get_by_label("User", exact=True).fill("nobody@example.test")
    page.get_by_label("Subject").fill("Hello Ada")
    page.get_by_role("textbox", name="Text", exact=True).fill("<b>Nice</b> to meet you.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("No user has this address").first).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("Hello Ada")
    page.get_by_label("User", exact=True).fill("ada@example.test")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The message is accepted.")).to_be_visible()
    assert db.session.query(Notification).one().subject == "Hello Ada"


def test_a_scheduled_message_is_cancelled(
    app: Flask,
    open_as: OpenAs,
    as_user: Callable[..., SignedIn],
    post: Post,
) -> None:
    message_id = post(as_user(), subject="Later", scheduledFor="2030-01-01T00:00:00Z")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/messages/{message_id}")
    page.get_by_role("button", name="Cancel message").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel message").click()
    expect(page.get_by_text("will not be sent")).to_be_visible()
    assert _status(message_id) == "CANCELLED"


def test_the_html_of_a_message_is_shown_without_its_scripts(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin = as_user(Role.ADMIN)
    page = open_as(admin)
    page.goto(html_message(admin, post))
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_role("heading", name="Your order")).to_be_visible()
    assert "stolen" not in page.title()
    before = frame.get_attribute("src")
    page.reload()
    assert frame.get_attribute("src") == before  # a live page does not store it again each time


def test_a_message_to_a_role_is_followed_as_a_batch(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn]
) -> None:
    for _ in range(3):
        as_user()
    page = open_as(Role.MODERATOR)
    page.goto("/console/messages/new")
    page.get_by_label("All users of a role").check()
    page.get_by_label("Channel").select_option("In-app")
    page.get_by_role("textbox", name="Text", exact=True).fill("Maintenance tonight")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("3 messages")).to_be_visible()


def _status(message_id: UUID) -> str:
    db.session.expire_all()
    row = db.session.get(Notification, message_id)
    assert row is not None
    return str(row.status)


def test_a_template_is_previewed_while_a_message_is_composed(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: Callable[..., SignedIn]
) -> None:
    admin = as_user(Role.ADMIN)
    body = {"name": "order-shipped", "channel": "EMAIL", "subject": "Order {{ number }}", "body": "It is on its way."}
    client.post("/api/v1/notifications/templates", json=body, headers=admin.headers)
    page = open_as(admin)
    page.goto("/console/messages/new")
    page.get_by_label("From a template").check()
    page.get_by_role("combobox", name="Template").fill("order-shipped")
    expect(page.locator("#preview")).to_contain_text("number")  # the variable that is missing
    page.get_by_label("Variables").fill('{"number": 7}')
    expect(page.locator("#preview")).to_contain_text("Order 7")
    page.get_by_role("combobox", name="Template").fill("unknown")
    expect(page.locator("#preview")).to_contain_text("No stored template has this name.")
