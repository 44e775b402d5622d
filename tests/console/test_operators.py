"""What an operator does on the home page, with the search, and in the lists of all users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.metrics.time_series import count
from heidi_services.integration.models import Delivery
from heidi_services.notification.models import Notification
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session
from tests.console.examples import stored_mail
from tests.integration.helpers import create_integration, forward, user_updated
from tests.notification.conftest import Post
from tests.polling import until

Open = Callable[..., Page]


def failed(post: Post, person: SignedIn, subject: str) -> UUID:
    message = post(person, subject=subject)
    with transaction():
        values = {"status": "FAILED", "failure_reason": "timeout"}
        db.session.execute(update(Notification).where(Notification.id == message).values(values))
    return message


def test_a_slash_searches_and_a_result_leads_to_its_page(open_as: Open, as_user: Callable[..., SignedIn]) -> None:
    person = as_user(email="wilhelmina@example.org")
    page = open_as(Role.ADMIN)
    page.goto("/console/events/")
    page.keyboard.press("/")
    page.keyboard.type("wilhelmina")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="wilhelmina@example.org").click()
    expect(page).to_have_url(f"/console/people/{person.user.id}")


def test_a_message_is_found_by_its_id(open_as: Open, as_user: Callable[..., SignedIn], post: Post) -> None:
    message = post(as_user(), subject="Lost and found")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/search/?q={message}")
    page.get_by_role("link", name="Lost and found").first.click()
    expect(page).to_have_url(f"/console/messages/{message}")


def test_a_user_sees_own_results_only(open_as: Open, as_user: Callable[..., SignedIn]) -> None:
    as_user(email="rosalind@example.org")
    page = open_as(Role.USER)
    page.goto("/console/search/?q=rosalind")
    expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_home_leads_to_the_failed_messages_of_all_users(
    open_as: Open, as_user: Callable[..., SignedIn], post: Post
) -> None:
    failed(post, as_user(email="recipient@example.org"), "Your invoice")
    count("messages", "FAILED:EMAIL", 3)
    page = open_as(Role.ADMIN)
    page.goto("/console/")
    expect(page.get_by_role("img", name="Messages").first).to_be_visible()
    page.get_by_role("link", name="failed in the last 24 hours").first.click()
    row = page.get_by_role("row", name="Your invoice")
    expect(row).to_contain_text("recipient@example.org")
    row.get_by_role("link", name="Your invoice").click()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_the_period_of_the_charts_is_chosen(open_as: Open) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/")
    page.get_by_role("link", name="Last week").click()
    expect(page.get_by_role("link", name="Last week")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("img", name="Sign-ins")).to_be_visible()


def test_an_email_is_shown_without_its_scripts(
    app: Flask, open_as: Open, reconfigure: Callable[..., None], tmp_path: Path
) -> None:
    reconfigure(mail_sink_folder=str(tmp_path))
    path = stored_mail(None, None)
    [file] = (tmp_path / "new").iterdir()
    file.write_bytes(file.read_bytes() + b"<script>top.document.title = 'stolen'</script>")
    page = open_as(Role.ADMIN)
    page.goto("/console/mail/")
    page.get_by_role("link", name="Hello").click()
    expect(page).to_have_url(path)
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_text("Hello Ann")).to_be_visible()
    assert "stolen" not in page.title()
    page.get_by_text("Source").click()
    expect(page.get_by_text("Content-Type: text/html")).to_be_visible()


@pytest.fixture
def images() -> Iterator[HTTPServer]:
    """A server of another site. `requested` has the paths that were requested."""

    class Images(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    requested: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), Images)
    server.requested = requested  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_html_has_its_own_styles_and_loads_images_only_if_asked(
    app: Flask,
    served: Served,
    chromium: Browser,
    as_user: Callable[..., SignedIn],
    reconfigure: Callable[..., None],
    tmp_path: Path,
    images: Any,
) -> None:
    """The browser reports the image that it blocks as an error, so the page is not one of `open_as`."""
    reconfigure(mail_sink_folder=str(tmp_path))
    path = stored_mail(None, None)
    [file] = (tmp_path / "new").iterdir()
    image = f"<p style='color: rgb(1, 2, 3)'>Styled</p><img src='http://127.0.0.1:{images.server_port}/x.png'>"
    file.write_bytes(file.read_bytes() + image.encode())
    with chromium.new_context(base_url=served.url) as context, chromium.new_context(base_url=served.url) as another:
        for each in (context, another):
            cookie = {"name": COOKIE, "value": start_session(served, as_user(Role.ADMIN)), "url": served.url}
            each.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(path)
        expect(page.locator("iframe").content_frame.get_by_text("Styled")).to_have_css("color", "rgb(1, 2, 3)")
        assert images.requested == []
        page.get_by_role("link", name="Load images").click()
        until(lambda: images.requested == ["/x.png"])
        frame = page.locator("iframe").get_attribute("src")
        assert frame is not None
        response = page.request.get(frame)
        assert (response.status, "sandbox" in response.headers["content-security-policy"]) == (200, True)
        assert another.request.get(frame).status == 404


def test_without_a_sink_the_mail_page_says_why(open_as: Open) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/mail/")
    expect(page.get_by_text("This platform delivers its e-mails.")).to_be_visible()


def test_an_operation_is_started_from_its_schema(open_as: Open) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/operations/new")
    page.get_by_role("main").get_by_role("link", name="onboard-user").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("Email: This field is required.")
    page.get_by_label("Email").fill("not an address")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    page.get_by_label("Email").fill("grace@example.org")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("The operation has started.")).to_be_visible()


def test_a_template_is_added_in_another_language(
    client: FlaskClient, open_as: Open, as_user: Callable[..., SignedIn]
) -> None:
    admin = as_user(Role.ADMIN)
    body = {"name": "order-shipped", "channel": "IN_APP", "body": "It is on its way."}
    template = client.post("/api/v1/notifications/templates", json=body, headers=admin.headers).json["data"]
    page = open_as(admin)
    page.goto(f"/console/templates/{template['id']}")
    page.get_by_role("link", name="Add a language").click()
    expect(page.get_by_label("Language")).to_have_value("")
    page.get_by_label("Language").fill("de")
    page.get_by_role("textbox", name="Text").fill("Es ist unterwegs.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="order-shipped · In-app · de")).to_be_visible()


def test_a_template_is_sent_to_its_author(client: FlaskClient, open_as: Open, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    body = {"name": "console-test", "channel": "IN_APP", "body": "Hello {{ name }}"}
    template = client.post("/api/v1/notifications/templates", json=body, headers=admin.headers).json["data"]
    page = open_as(admin)
    page.goto(f"/console/templates/{template['id']}/edit")
    page.get_by_role("button", name="Send a test to yourself").click()
    expect(page.locator(".notice.bad")).to_contain_text("name")
    page.get_by_label("Variables for the preview").fill('{"name": "Ada"}')
    page.get_by_role("button", name="Send a test to yourself").click()
    expect(page.get_by_text("The test is on its way to you.")).to_be_visible()
    expect(page.get_by_text("Hello Ada")).to_be_visible()


def test_failed_deliveries_are_summarized(client: FlaskClient, open_as: Open, as_user: Callable[..., SignedIn]) -> None:
    owner = as_user()
    config: dict[str, Any] = {"eventTypes": ["*"]}
    fields = {"name": "Broken endpoint", "webhookUrl": "https://example.com/hook", "config": config}
    create_integration(client, owner.headers, **fields)
    [delivery] = forward(user_updated(owner.user.id))
    with transaction():
        values = {"status": "FAILED", "last_error": "connection refused", "updated_at": utcnow()}
        db.session.execute(update(Delivery).where(Delivery.id == delivery).values(values))
    page = open_as(owner)
    page.goto("/console/webhooks/deliveries")
    expect(page.get_by_role("region", name="Failures of the last 24 hours")).to_contain_text("connection refused")
    page.get_by_role("row", name="user.updated").get_by_role("link", name="user.updated").click()
    expect(page.get_by_text("No attempt yet.")).to_be_visible()
