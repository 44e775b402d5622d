"""The console and the services on real ports, and Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from heidi_common.config.settings import Settings
from heidi_common.identity.models import Role
from heidi_common.runtime import current_settings
from heidi_console.app import build_console
from heidi_console.session import store
from tests.chromium import need_chromium
from tests.conftest import SignedIn
from tests.files.conftest import backend, clamd, s3, s3_endpoint  # noqa: F401  # fixtures
from tests.notification.conftest import mail, post, reconfigure  # noqa: F401  # fixtures
from tests.polling import TIMEOUT_SECONDS
from tests.served_app import served as served_app

COOKIE = "heidi_console"


@dataclass(frozen=True)
class Served:
    """The console on a port, in front of the services of the fixture `platform`."""

    url: str
    app: Flask


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while Playwright runs, this thread cannot run another event loop."""
    path = need_chromium()
    expect.set_options(timeout=TIMEOUT_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served(platform: Flask, settings: Settings) -> Iterator[Served]:
    with served_app(platform) as services:
        console = build_console(replace(settings, peer_url=services))
        with served_app(console) as url:
            yield Served(url, console)


def start_session(served: Served, person: SignedIn) -> str:
    """Create a signed-in session of the console without typing a password; return its ID."""
    session_id = store.new_id()
    user = person.user
    tokens = {
        "access": person.headers["Authorization"].removeprefix("Bearer "),
        "refresh": "none",
        "expires": time.time() + 900,
        "user": {
            "id": str(user.id),
            "email": user.email,
            "role": Role(user.role).value,
            "firstName": None,
            "lastName": None,
        },
    }
    with served.app.app_context():
        store.save(session_id, store.TOKENS, tokens, seconds=current_settings().session_idle_seconds)
        store.save(session_id, store.DATA, {}, seconds=current_settings().session_idle_seconds)
    return session_id


@pytest.fixture(autouse=True)
def no_unexpected_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail tests in which a page of the console fails, even if they find what they look for on the error page."""
    yield
    assert [record.exc_info for record in caplog.get_records("call") if record.message == "unexpected error"] == []


FAST_INTERVALS = """
const start = window.setInterval;
window.setInterval = (action, milliseconds, ...rest) => start(action, milliseconds / 10, ...rest);
"""
"""Live pages read themselves ten times as often as for users, so that tests do not wait for it."""


def _is_violation(message: ConsoleMessage) -> bool:
    """Whether a page violates its Content Security Policy; the frames with foreign HTML are meant to be blocked."""
    return "Content Security Policy" in message.text and "/console/html/" not in message.location["url"]


@pytest.fixture
def open_as(
    app: Flask, served: Served, chromium: Browser, as_user: Callable[..., SignedIn]
) -> Iterator[Callable[..., Page]]:
    """Open a browser as a user: `open_as(Role.ADMIN, width=360, theme="dark", locale="de")`.

    The test fails if a page reports an error, such as a violation of the Content Security Policy.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(
        role: Role | SignedIn | None = Role.ADMIN, *, width: int = 1440, theme: Any = "light", locale: str = "en"
    ) -> Page:
        size = {"width": width, "height": 900}
        context = chromium.new_context(base_url=served.url, color_scheme=theme, locale=locale, viewport=size)
        context.add_init_script(FAST_INTERVALS)
        contexts.append(context)
        if role is not None:
            person = as_user(role) if isinstance(role, Role) else role
            cookie = {"name": COOKIE, "value": start_session(served, person), "url": served.url, "httpOnly": True}
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda text: errors.append(text.text) if _is_violation(text) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
