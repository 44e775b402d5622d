"""Suppressions, the inbox with its bell, the authentication at endpoints, the length of text messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_services.integration.models import Integration
from heidi_services.notification.service.delivery.delivery import deliver
from tests.conftest import SignedIn
from tests.integration.helpers import create_integration
from tests.notification.conftest import Post

OpenAs = Callable[..., Page]
AsUser = Callable[..., SignedIn]


def test_an_address_is_suppressed_and_released(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/suppressions/new")
    page.get_by_label("Address").fill("not an address")
    page.get_by_role("button", name="Suppress", exact=True).click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    page.get_by_label("Address").fill("loud@example.test")
    page.get_by_role("button", name="Suppress", exact=True).click()
    expect(page.get_by_text("Nothing is sent to this address any more.")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Messages are sent to this address again.")).to_be_visible()
    expect(page.get_by_text("No address is suppressed.")).to_be_visible()


def test_the_bell_counts_unread_messages(app: Flask, open_as: OpenAs, as_user: AsUser, post: Post) -> None:
    person = as_user()
    for number in range(2):
        deliver(post(person, subject=f"Message {number}", channel="IN_APP"))
    page = open_as(person)
    page.goto("/console/inbox")
    expect(page.get_by_role("link", name="Inbox, 2 unread messages")).to_be_visible()
    page.get_by_role("button", name="Mark as read").first.click()
    expect(page.get_by_role("link", name="Inbox, 1 unread message")).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("link", name="Inbox", exact=True)).to_be_visible()
    expect(page.locator(".card.unread")).to_have_count(0)


def test_a_new_message_appears_in_the_inbox_without_a_reload(
    app: Flask, open_as: OpenAs, as_user: AsUser, post: Post
) -> None:
    person = as_user()
    page = open_as(person)
    page.goto("/console/inbox")
    deliver(post(person, subject="Just arrived", channel="IN_APP"))
    expect(page.get_by_text("Just arrived")).to_be_visible(timeout=15000)


def test_the_authentication_at_an_endpoint_is_chosen_and_removed(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: AsUser
) -> None:
    admin = as_user(Role.ADMIN)
    hook = create_integration(client, admin.headers, webhookUrl="https://hook.example")
    page = open_as(admin)
    page.goto(f"/console/webhooks/{hook['id']}/authentication")
    expect(page.get_by_label("Token", exact=True)).to_be_hidden()
    page.get_by_label("Authentication", exact=True).select_option("bearer")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    page.get_by_label("Authentication", exact=True).select_option("basic")
    page.get_by_label("User name").fill("gateway")
    page.get_by_label("Password").fill("s3cret-of-the-gateway")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The authentication is saved.")).to_be_visible()
    assert _stored(hook)["username"] == "gateway"
    page.get_by_role("link", name="Authentication: basic").click()
    expect(page.get_by_label("User name")).to_have_value("gateway")
    expect(page.get_by_label("Password")).to_have_value("")
    assert "s3cret" not in page.content()
    page.get_by_label("Authentication", exact=True).select_option("none")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The authentication is saved.")).to_be_visible()
    assert not _stored(hook)


def test_the_segments_of_a_text_message_are_shown(app: Flask, open_as: OpenAs, as_user: AsUser, post: Post) -> None:
    message = post(as_user(phone="+41791234567"), channel="SMS", subject=None, content="x" * 200)
    page = open_as(Role.ADMIN)
    page.goto(f"/console/messages/{message}")
    expect(page.get_by_text("2 SMS segments")).to_be_visible()


def _stored(hook: dict[str, Any]) -> dict[str, Any]:
    db.session.expire_all()
    return db.session.get_one(Integration, hook["id"]).endpoint_auth_info or {}
