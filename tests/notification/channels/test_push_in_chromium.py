"""The example of docs/guide.md for Web Push, run in Chromium as it stands there, down to the notification.

Google's push service is replaced by one with the same wire formats (`push_service.py`). Chromium names Google's host in
the endpoint, so the tests send to the same path of the replacement. What follows a click on a notification is not
tested: a headless browser shows none that could be clicked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, sync_playwright
from sqlalchemy import select, update
from werkzeug import Request, Response

from heidi_common.crypto import base64url, vapid
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.notification.enums import NotificationStatus
from heidi_services.notification.models import PushDevice
from tests.chromium import need_chromium
from tests.conftest import ROOT, SignedIn
from tests.notification import push_service
from tests.notification.conftest import Post, delivered
from tests.notification.push_service import PATH, PushService
from tests.polling import TIMEOUT_SECONDS, until
from tests.served_app import served

WORKER = "/worker.js"
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(
    ({title, body, tag, data, actions}) => ({title, body, tag, data, actions: actions.map(({title}) => title)}))"""


def example(first_line: str) -> str:
    """The code that docs/guide.md shows after a line."""
    lines = iter((ROOT / "docs" / "guide.md").read_text().splitlines())
    next(line for line in lines if line.startswith(first_line))
    next(lines)
    code = []
    for line in lines:
        if line and not line.startswith("       "):
            break
        code.append(line)
    return "\n".join(code)


@dataclass
class Site:
    """A page with the example in front of the platform's API, as a client of the platform serves it."""

    app: Flask
    page: str = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = Request(environ).path
        if path == "/":
            return Response(self.page, mimetype="text/html")(environ, start_response)
        if path == WORKER:
            return Response(example("3. In `/worker.js`"), mimetype="text/javascript")(environ, start_response)
        return self.app.wsgi_app(environ, start_response)

    def show_to(self, user: SignedIn) -> None:
        token = json.dumps(user.headers["Authorization"].removeprefix("Bearer "))
        code = f"const token = {token}\n{example('2. In the page')}\nwindow.subscription = subscription"
        self.page = f"<!DOCTYPE html><title>A page</title><script type=module>{code}</script>"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with push_service.running(tmp_path_factory.mktemp("push")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(service: PushService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Chromium with a profile: in a private window, it refuses subscriptions."""
    path = need_chromium()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", *service.switches],
            ignore_default_args=["--disable-background-networking"],
        )
        context.set_default_timeout(TIMEOUT_SECONDS * 1000)
        yield context
        context.close()


@pytest.fixture
def key(reconfigure: Callable[..., None]) -> str:
    """The platform's private key of VAPID."""
    private_key = vapid.generate_private_key()
    reconfigure(vapid_private_key=private_key, vapid_subject="mailto:ops@example.org", push_providers=("webpush",))
    return private_key


@pytest.fixture
def user(as_user: Callable[..., SignedIn]) -> SignedIn:
    return as_user()


@pytest.fixture
def page(app: Flask, key: str, browser: BrowserContext, user: SignedIn) -> Iterator[Page]:
    """The page of the example, after it has registered the browser."""
    site = Site(app)
    site.show_to(user)
    with served(site) as url:  # type: ignore[arg-type]
        browser.grant_permissions(["notifications"], origin=url)
        opened = browser.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(url)
        opened.wait_for_function("window.subscription")
        yield opened
        opened.close()
        assert errors == []


def device() -> PushDevice:
    db.session.rollback()
    return db.session.scalars(select(PushDevice).execution_options(populate_existing=True)).one()


def token_of(row: PushDevice) -> str:
    return urlsplit(row.token).path.removeprefix(PATH)


def send_through(service: PushService) -> None:
    """Send to the replacement, and wait until the browser is connected to it."""
    service.stanzas.clear()
    endpoint = service.url + urlsplit(device().token).path
    with transaction():
        db.session.execute(update(PushDevice).values(token=endpoint))
    until(lambda: service.connections)


def test_the_page_of_the_guide_subscribes_with_the_key_of_the_platform(
    page: Page, service: PushService, key: str
) -> None:
    row = device()
    assert service.registrations[token_of(row)].server_key == base64url.decode(vapid.public_key(key))
    assert (row.kind, row.label) == ("WEB_PUSH", "Browser")
    stored = page.evaluate("window.subscription.toJSON()")
    assert stored["keys"] == {"p256dh": row.p256dh, "auth": row.auth}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            {"subject": "Grüße", "content": "Hallo 🌍"},
            {"title": "Grüße", "body": "Hallo 🌍", "tag": "", "data": {"url": None}, "actions": []},
        ),
        (
            {
                "subject": "Your order",
                "content": "It has been sent.",
                "url": "https://example.org/orders/1",
                "data": {"order": 1},
                "collapseKey": "order-1",
                "actions": [{"action": "open", "title": "Open"}, {"action": "later", "title": "Later"}],
            },
            {
                "title": "Your order",
                "body": "It has been sent.",
                "tag": "order-1",
                "data": {"url": "https://example.org/orders/1", "order": 1},
                "actions": ["Open", "Later"],
            },
        ),
    ],
    ids=["text", "options"],
)
def test_the_worker_of_the_guide_shows_what_was_sent(
    page: Page, service: PushService, user: SignedIn, post: Post, body: dict[str, Any], shown: dict[str, Any]
) -> None:
    send_through(service)
    message = delivered(post(user, channel="PUSH", **body))
    assert message.status == NotificationStatus.SENT
    until(lambda: page.evaluate(SHOWN))
    assert page.evaluate(SHOWN) == [shown]


def test_a_subscription_that_the_browser_has_ended_is_removed_at_the_next_message(
    page: Page, service: PushService, user: SignedIn, post: Post
) -> None:
    send_through(service)
    assert page.evaluate("window.subscription.unsubscribe()")
    until(lambda: token_of(device()) not in service.registrations)
    delivered(post(user, channel="PUSH"))
    assert db.session.scalar(select(PushDevice)) is None
