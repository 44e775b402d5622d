"""`<heidi-inbox>` in Chromium, on a page of another origin with a strict Content-Security-Policy, and nginx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from heidi_common.app import build_app
from heidi_common.config.settings import Settings
from heidi_common.identity.models import Role
from heidi_services import SERVICES
from heidi_standalone.servers.nginx import Router
from tests.conftest import SignedIn, make_settings
from tests.console.conftest import chromium  # noqa: F401  # a fixture
from tests.console.test_every_page import violations
from tests.ports import free_port
from tests.realtime.conftest import Running, Start, token_of
from tests.realtime.test_channels import send
from tests.served_app import served
from tests.standalone.conftest import running as running_router

AsUser = Callable[..., SignedIn]
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<script type="module" src="{url}/sdk/inbox.js"></script><script src="/page.js"></script></head>
<body><main><h1>Shop</h1><heidi-inbox href="/inbox"><a href="/inbox">Inbox</a></heidi-inbox></main></body></html>"""
SCRIPT = """addEventListener("DOMContentLoaded", () => {
  const inbox = document.querySelector("heidi-inbox");
  window.calls = []; window.events = [];
  for (const name of ["heidi-unread", "heidi-message", "heidi-open", "heidi-error"])
    addEventListener(name, (event) => window.events.push(name));
  inbox.getToken = async ({ refresh }) => { window.calls.push(refresh); return window.tokens.shift() ?? null; };
});"""


@dataclass(frozen=True)
class Shop:
    """An application on another origin, and the platform whose inbox it shows."""

    url: str
    platform_url: str
    realtime: Running


@pytest.fixture(scope="module")
def shop(platform: Flask, settings: Settings, start_realtime: Start, tmp_path_factory: Any) -> Iterator[Shop]:
    port = free_port()
    router_url = f"http://127.0.0.1:{port}"
    with served(_pages(router_url)) as url:
        cors = {"cors_origins": (url,)}
        app = build_app(make_settings(settings.database_url, settings.redis_url, **cors), *SERVICES.values())
        realtime = start_realtime(**cors)
        with served(app) as services:
            addresses = dict.fromkeys(SERVICES, services.removeprefix("http://"))
            folder: Path = tmp_path_factory.mktemp("router") / "nginx"
            nginx = Router(folder, port, addresses, realtime=f"127.0.0.1:{realtime.port}")
            nginx.prepare()
            with running_router(nginx):
                yield Shop(url, router_url, realtime)


def _pages(platform_url: str) -> Flask:
    pages = Flask("shop")
    sources = f"{platform_url} {platform_url.replace('http:', 'ws:')}"

    @pages.get("/page.js")
    def script() -> Response:
        return Response(SCRIPT, mimetype="text/javascript")

    @pages.get("/")
    def page() -> Response:
        html = PAGE.format(url=platform_url, lang=request.args.get("lang", "en"))
        policy = f"default-src 'none'; script-src 'self' {platform_url}; connect-src {sources}"
        return Response(html, mimetype="text/html", headers={"Content-Security-Policy": policy})

    @pages.get("/inbox")
    def inbox() -> str:
        return "All messages"

    return pages


Open = Callable[..., Page]


@pytest.fixture
def open_page(app: Flask, shop: Shop, chromium: Browser) -> Iterator[Open]:  # noqa: F811
    """Open the page: `open_page(user)` or `open_page("x", token_of(user), None)` with the tokens that it gets in turn.

    The test fails if the page reports an error, such as a violation of its Content-Security-Policy.
    """
    context = chromium.new_context(color_scheme="light")
    errors: list[str] = []

    def open_(*tokens: SignedIn | str | None, lang: str = "en") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda text: errors.append(text.text) if "Security Policy" in text.text else None)
        values = [token_of(token) if isinstance(token, SignedIn) else token for token in tokens]
        page.add_init_script(f"window.tokens = {values!r}".replace("None", "null"))
        page.goto(f"{shop.url}/?lang={lang}")
        return page

    yield open_
    context.close()
    assert errors == []


@pytest.fixture
def admin(app: Flask, as_user: AsUser) -> SignedIn:
    return as_user(Role.ADMIN)


def test_messages_arrive_live_and_are_read(
    client: FlaskClient, open_page: Open, as_user: AsUser, admin: SignedIn
) -> None:
    person = as_user()
    send(client, admin, person, "The first")
    page = open_page(person)
    expect(page.get_by_role("button", name="Inbox, 1 unread message", exact=True)).to_be_visible()
    send(client, admin, person, "<b>The second</b>")
    bell = page.get_by_role("button", name="Inbox, 2 unread messages", exact=True)
    bell.click()
    panel = page.get_by_role("dialog", name="Inbox")
    expect(panel.get_by_text("<b>The second</b>")).to_be_visible()
    expect(panel.get_by_role("listitem")).to_have_count(2)
    send(client, admin, person, "The third")
    expect(panel.get_by_role("listitem").first).to_contain_text("The third")
    expect(page.get_by_role("status")).to_have_text("New message: The third")
    panel.get_by_role("button", name="Mark as read: Message").first.click()
    expect(page.get_by_role("button", name="Inbox, 2 unread messages")).to_be_visible()
    panel.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("button", name="Inbox", exact=True)).to_be_visible()
    count = client.get("/api/v1/notifications/unread-count", headers=person.headers).get_json()
    assert count["data"]["count"] == 0
    assert {"heidi-unread", "heidi-message"} <= {*page.evaluate("window.events")}


def test_a_message_that_was_missed_is_shown_once_after_the_connection_is_back(
    client: FlaskClient, open_page: Open, shop: Shop, as_user: AsUser, admin: SignedIn
) -> None:
    person = as_user()
    page = open_page(person)
    send(client, admin, person, "before")
    page.get_by_role("button", name="Inbox, 1 unread message").click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("listitem")).to_have_count(1)
    for connection in tuple(shop.realtime.server.clients):
        shop.realtime._loop.call_soon_threadsafe(connection.close, 1011, "gone")
    send(client, admin, person, "missed")
    expect(panel.get_by_role("listitem").first).to_contain_text("missed")
    send(client, admin, person, "after")
    expect(panel.get_by_role("listitem").first).to_contain_text("after")
    expect(panel.get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_role("button", name="Inbox, 3 unread messages")).to_be_visible()


def test_a_rejected_token_is_replaced(client: FlaskClient, open_page: Open, as_user: AsUser, admin: SignedIn) -> None:
    person = as_user()
    page = open_page("not-a-token", person, person, person)
    send(client, admin, person, "live")
    expect(page.get_by_role("button", name="Inbox, 1 unread message")).to_be_visible()
    assert page.evaluate("window.calls")[:2] == [False, True]


def test_without_a_session_the_panel_says_so(open_page: Open) -> None:
    page = open_page(None)
    page.get_by_role("button", name="Inbox").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_a_user_who_signs_out_leaves_nothing(
    client: FlaskClient, open_page: Open, shop: Shop, as_user: AsUser, admin: SignedIn
) -> None:
    person = as_user()
    send(client, admin, person, "private")
    page = open_page(person)
    page.get_by_role("button", name="Inbox, 1 unread message").click()
    expect(page.get_by_text("private")).to_be_visible()
    page.evaluate("document.querySelector('heidi-inbox').getToken = null")
    expect(page.get_by_text("private")).to_have_count(0)
    expect(page.get_by_role("button", name="Inbox", exact=True)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_in_both_themes_and_on_narrow_screens(
    client: FlaskClient, open_page: Open, as_user: AsUser, admin: SignedIn, theme: Any
) -> None:
    person = as_user()
    send(client, admin, person, "A long word: " + "x" * 200)
    send(client, admin, person, "short")
    page = open_page(person)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 320, "height": 500})
    page.get_by_role("button", name="Inbox, 2 unread messages").click()
    page.get_by_role("button", name="Mark as read: Message").first.click()
    expect(page.get_by_role("listitem")).to_have_count(2)
    assert violations(page) == []
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_keyboard_is_enough(client: FlaskClient, open_page: Open, as_user: AsUser, admin: SignedIn) -> None:
    person = as_user()
    send(client, admin, person, "one")
    page = open_page(person, lang="de-CH")
    bell = page.get_by_role("button", name="Posteingang, 1 ungelesene Nachricht")
    bell.focus()
    page.keyboard.press("Enter")
    read = page.get_by_role("button", name="Als gelesen markieren: Nachricht")
    expect(read).to_be_visible()
    read.focus()
    page.keyboard.press("Enter")
    expect(read).to_have_count(0)
    expect(page.get_by_role("listitem")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Posteingang", exact=True)).to_be_focused()


LINKS = {"https://example.org/a?b=c": 1, "javascript:alert(1)": 0, "data:text/html,x": 0, "https://": 0, "": 0}


def test_a_message_links_to_web_pages_only(open_page: Open, as_user: AsUser) -> None:
    page = open_page(as_user())
    message = {"id": "1", "subject": "Look", "content": "x", "readAt": None, "sentAt": "2026-01-01T00:00:00Z"}
    message |= {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    data = [message | {"id": str(number), "url": url} for number, url in enumerate(LINKS)]
    page.route(
        "**/api/v1/notifications?*",
        lambda route: route.fulfill(
            json={"data": data, "meta": {"hasMore": False}}, headers={"Access-Control-Allow-Origin": "*"}
        ),
    )
    page.get_by_role("button", name="Inbox").click()
    expect(page.get_by_role("listitem")).to_have_count(len(LINKS))
    links = page.get_by_role("listitem").get_by_role("link")
    assert [link.get_attribute("href") for link in links.all()] == [url for url, count in LINKS.items() if count]


def test_the_file_may_be_loaded_by_every_page(shop: Shop, client: FlaskClient) -> None:
    response = client.get("/sdk/inbox.js")
    assert response.mimetype == "text/javascript"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = client.get("/sdk/inbox.js", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
