"""Markup in every field that users can edit is shown as text: nothing of it becomes an element, let alone runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy import update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session
from heidi_services.core.models import Operation
from heidi_services.integration.models import Delivery
from heidi_services.notification.models import Notification
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session
from tests.integration.helpers import create_integration, forward, user_updated
from tests.notification.conftest import Post

PAYLOADS = [
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg/onload=window.ran=1>",
    '"><script>window.ran=1</script>',
    "'><img src=x onerror=window.ran=1>",
    '" onfocus=window.ran=1 autofocus x="',
    "' onmouseover=window.ran=1 x='",
    "</title><script>window.ran=1</script>",
    "</textarea><script>window.ran=1</script>",
    "</option></select><img src=x onerror=window.ran=1>",
    "</code></pre><script>window.ran=1</script>",
    "--><script>window.ran=1</script><!--",
    "]]><script>window.ran=1</script>",
    "javascript:window.ran=1",
    '<a href="javascript:window.ran=1">x</a>',
    '<iframe srcdoc="<script>parent.ran=1</script>">',
    '<form action="javascript:window.ran=1"><button>x',
    "<base href=//evil.test/><link rel=stylesheet href=//evil.test/x>",
    "<details open ontoggle=window.ran=1>x</details>",
    "\\u003cscript\\u003ewindow.ran=1\\u003c/script\\u003e&lt;script&gt;window.ran=1",
]
NUMBERED = list(enumerate(PAYLOADS))
OWN_SCRIPTS = ("/console/static/js/", "/console/inbox/component.js?v=")
URLS = frozenset({"href", "src", "action", "formaction", "data", "xlink:href"})
FORBIDDEN = frozenset({"base", "object", "embed", "applet", "style", "frame", "animate", "set"})

Store = Callable[[str], list[str]]


class Elements(HTMLParser):
    """Collects what could run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        foreign_script = tag == "script" and not values.get("src", "").startswith(OWN_SCRIPTS)
        open_frame = tag == "iframe" and values.get("sandbox") != ""
        foreign_style = tag == "link" and not values.get("href", "").startswith("/console/static/")
        handlers = any(name.startswith("on") for name in values)
        urls = [value for name, value in values.items() if name in URLS]
        foreign = any(not url.startswith(("/", "#", "?", "./", "data:image/")) and url for url in urls)
        if tag in FORBIDDEN or foreign_script or open_frame or foreign_style or handlers or foreign:
            self.wrong.append(self.get_starttag_text() or tag)


@pytest.fixture
def admin(as_user: Callable[..., SignedIn]) -> SignedIn:
    return as_user(Role.ADMIN)


@pytest.fixture
def store(client: FlaskClient, admin: SignedIn, post: Post, as_user: Callable[..., SignedIn]) -> Store:
    """Put a text into every field that users can edit; the paths of the pages that show it."""

    def create(path: str, **body: Any) -> str:
        response = client.post(f"/api/v1{path}", json=body, headers=admin.headers)
        assert response.status_code in (201, 202), (path, response.json)
        return str(response.json["data"]["id"])

    def run(text: str) -> list[str]:
        plain = text.replace("{", "(")
        person = as_user(first_name=text, last_name=text)
        message = post(person, subject=plain, content=plain, channel="IN_APP", metadata={"note": text})
        own = post(admin, subject=plain, content=plain, channel="IN_APP")
        schedule = create(
            "/schedules",
            name=text,
            description=text,
            cronExpression="0 3 * * *",
            action="event.emit",
            payload={"type": "custom.x", "data": {text: text}},
        )
        hook = create_integration(
            client, admin.headers, name=text, webhookUrl="https://hook.example", config={"eventTypes": ["user.*"]}
        )["id"]
        city = create("/cities", name=text, country="CH", state=text, latitude=1, longitude=1, otherNames=[text])
        create("/auth/clients", name=text, scopes=[])
        template = create(
            "/notifications/templates",
            name="markup",
            channel="EMAIL",
            locale="en",
            subject=plain,
            body=plain,
            html=plain,
        )
        operation = create("/core/operations", type="onboard-user", input={"email": "x@y.test"})
        monitor = create("/schedules/monitors", name=text, description=text, every="P1D", graceSeconds=60)
        create("/notifications/suppressions", channel="EMAIL", address="x@y.test", reason=text)
        file = client.post("/api/v1/files", data=b"x", query_string={"name": text}, headers=admin.headers)
        delivery = forward(user_updated(person.user.id))[0]
        _answers_of_others(text, message, delivery, operation, person)
        return [
            *("/console/people/", f"/console/people/{person.user.id}", f"/console/people/{person.user.id}/edit"),
            *("/console/messages/", f"/console/messages/{message}", f"/console/messages/{own}", "/console/inbox"),
            *("/console/schedules/", f"/console/schedules/{schedule}", f"/console/schedules/{schedule}/edit"),
            *("/console/webhooks/", f"/console/webhooks/{hook}", f"/console/webhooks/{hook}/deliveries/{delivery}"),
            *("/console/webhooks/deliveries", "/console/webhooks/events"),
            *("/console/places/", f"/console/places/{city}", f"/console/places/{city}/edit"),
            *("/console/clients/", "/console/audit/", "/console/events/", "/console/"),
            *("/console/templates/", f"/console/templates/{template}", f"/console/templates/{template}/edit"),
            *("/console/operations/", f"/console/operations/{operation}", "/console/suppressions/"),
            *("/console/schedules/monitors/", f"/console/schedules/monitors/{monitor}"),
            *(f"/console/schedules/monitors/{monitor}/edit", "/console/schedules/week"),
            *("/console/files/", f"/console/files/{file.json['data']['id']}"),
        ]

    return run


def _answers_of_others(text: str, message: object, delivery: object, operation: object, person: SignedIn) -> None:
    """Texts that other systems send: errors of providers and endpoints, names of devices and browsers."""
    with transaction():
        for model, key, values in (
            (Notification, message, {"status": "FAILED", "failure_reason": text}),
            (Delivery, delivery, {"status": "FAILED", "last_error": text}),
            (Operation, operation, {"error": text, "input": {text: text}}),
            (Session, person.session_id, {"label": text, "user_agent": text}),
        ):
            db.session.execute(update(model).where(model.id == key).values(values))  # type: ignore[attr-defined]


@pytest.fixture
def read(served: Served, admin: SignedIn) -> Iterator[Callable[[str], str]]:
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, admin))

    def page(path: str) -> str:
        response = client.get(path)
        assert response.status_code == 200, path
        return response.get_data(as_text=True)

    yield page


@pytest.mark.parametrize(("number", "payload"), NUMBERED, ids=[str(number) for number, _ in NUMBERED])
def test_markup_stays_text_on_every_page(
    app: Flask, store: Store, read: Callable[[str], str], number: int, payload: str
) -> None:
    shown = 0
    for path in store(payload):
        page = read(path)
        elements = Elements()
        elements.feed(page)
        assert elements.wrong == [], path
        shown += "window.ran" in page or "parent.ran" in page or "evil.test" in page
    assert shown >= 20, "the pages show the text"
    search = Elements()
    search.feed(read(f"/console/search/?q={payload[:30]}"))
    assert search.wrong == []


def test_nothing_runs_in_a_browser(app: Flask, store: Store, open_as: Callable[..., Page], admin: SignedIn) -> None:
    """`open_as` fails if the Content Security Policy had to stop something."""
    page = open_as(admin)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for path in store("".join(PAYLOADS[n] for n in (1, 2, 5))):
        page.goto(path)
        assert page.evaluate("window.ran") is None, path


def test_markup_of_an_email_is_shown_in_a_frame_without_scripts(
    app: Flask, open_as: Callable[..., Page], reconfigure: Callable[..., None], tmp_path: Path
) -> None:
    reconfigure(mail_sink_folder=str(tmp_path))
    folder = tmp_path / "new"
    folder.mkdir()
    markup = "".join(PAYLOADS)
    content = f"Subject: {PAYLOADS[0]}\r\nTo: {PAYLOADS[3]}\r\nContent-Type: text/html\r\n\r\n{markup}"
    (folder / "1769860800000000000.1_0.heidi").write_text(content)
    page = open_as(Role.ADMIN)
    page.goto("/console/mail/")
    page.goto("/console/mail/1769860800000000000.1_0.heidi")
    assert page.locator("iframe").get_attribute("sandbox") == ""
    assert all(frame.evaluate("window.ran") is None for frame in page.frames[:1])
    assert page.evaluate("document.querySelectorAll('main script, main base').length") == 0
