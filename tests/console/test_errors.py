"""Errors of the API: each says what to do, and what was typed is not lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from heidi_common.config.settings import Settings
from heidi_common.identity.models import Role
from heidi_common.interceptors import rate_limit
from heidi_common.redis.client import redis_client
from heidi_console.app import build_console
from heidi_console.pages import people
from heidi_console.session import store
from heidi_services.city.service import cities
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session
from tests.notification.conftest import Post
from tests.served_app import served as served_app

OpenAs = Callable[..., Page]
AsUser = Callable[..., SignedIn]
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def alone(settings: Settings) -> Iterator[Served]:
    """A console whose services are unavailable."""
    console = build_console(replace(settings, peer_url="http://127.0.0.1:1"))
    with served_app(console) as url:
        yield Served(url, console)


@pytest.fixture
def submit(served: Served, as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Submit a form as a user: the status and the page."""

    def run(path: str, person_role: Role = Role.ADMIN, console: Served = served, **fields: str) -> tuple[int, str]:
        monkeypatch.setitem(console.app.config, "WTF_CSRF_ENABLED", False)
        client = console.app.test_client()
        client.set_cookie(COOKIE, start_session(console, as_user(person_role)))
        response = client.post(path, data=fields, headers=SAME_ORIGIN)
        return response.status_code, response.get_data(as_text=True)

    return run


def test_a_city_that_changed_meanwhile_shows_what_changed_and_keeps_the_text(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: AsUser
) -> None:
    city = cities.create(name="Bern", country="CH", latitude=46.9, longitude=7.4, population=1000)
    page = open_as(Role.MODERATOR)
    page.goto(f"/console/places/{city.id}/edit")
    page.get_by_label("Name", exact=True).fill("Bern (Berne)")
    other = as_user(Role.ADMIN)
    client.patch(f"/api/v1/cities/{city.id}", json={"population": 134000}, headers=other.headers)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".changes")).to_contain_text("Population")
    expect(page.locator(".changes")).to_contain_text("1000 → 134000")
    expect(page.locator(".changes")).not_to_contain_text("Name")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Bern (Berne)")
    page.get_by_label("Population").fill("134000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The place is changed.")).to_be_visible()


def test_an_invalid_field_does_not_hide_a_change_of_somebody_else(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: AsUser
) -> None:
    person, admin = as_user(first_name="Ada"), as_user(Role.ADMIN)
    page = open_as(admin)
    page.goto(f"/console/people/{person.user.id}/edit")
    page.get_by_label("Telephone").fill("12")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    client.patch(f"/api/v1/users/{person.user.id}", json={"firstName": "Grace"}, headers=admin.headers)
    page.get_by_label("Telephone").fill("+41791234567")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".changes")).to_contain_text("Ada → Grace")


def test_a_conflict_is_explained_above_the_form(
    app: Flask, submit: Callable[..., tuple[int, str]], as_user: AsUser
) -> None:
    as_user(email="taken@example.test")
    status, page = submit("/console/people/new", email="taken@example.test", first_name="Ada", role="USER")
    assert status == 200
    assert 'value="Ada"' in page and 'role="alert"' in page


def test_an_action_that_the_state_does_not_allow_says_so(
    app: Flask, submit: Callable[..., tuple[int, str]], as_user: AsUser, post: Post
) -> None:
    status, page = submit(f"/console/messages/{post(as_user())}/retry")
    assert status == 409
    assert "check its current state" in page and "Try again" in page


def test_a_filter_that_is_rejected_is_named(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/messages/?status=FAILED&batchId=%3Cb%3Enonsense")
    expect(page.get_by_role("main")).to_contain_text("batchId")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.get_by_role("heading", name="Messages", level=1)).to_be_visible()


def test_too_many_requests_say_when_to_try_again(
    app: Flask, served: Served, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = app.extensions[rate_limit._LIMITER]
    monkeypatch.setattr(limiter, "_caller_limit", 1)
    monkeypatch.setattr(limiter, "_exempts_loopback", False)
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, as_user(Role.MODERATOR)))
    responses = [client.get("/console/people/") for _ in range(3)]
    limited = responses[-1]
    assert limited.status_code == 429
    seconds = int(limited.headers["Retry-After"])
    assert re.search(rf"Try again in {seconds} seconds?\.", limited.get_data(as_text=True))


def test_a_form_is_kept_while_the_service_is_unavailable(
    app: Flask, alone: Served, served: Served, submit: Callable[..., tuple[int, str]]
) -> None:
    typed = {"subject": "A <long> text", "content": "Hello", "to": "role", "role": "USER", "channel": "EMAIL"}
    status, page = submit("/console/messages/new", console=alone, source="text", type="INFO", **typed)
    assert status == 200
    assert "A &lt;long&gt; text" in page and "unavailable" in page


def test_a_form_that_cannot_even_be_shown_is_sent_again_from_the_error_page(
    app: Flask, alone: Served, served: Served, open_as: OpenAs, as_user: AsUser
) -> None:
    """Its page reads the resource first, which fails. The error page has the fields, and sends them again."""
    person, admin = as_user(), as_user(Role.ADMIN)
    page = open_as(admin)
    page.goto(f"/console/people/{person.user.id}/edit")
    page.get_by_label("First name").fill("Ada")
    page.route("**/edit", lambda route: _through(route, alone, served))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="A service is unavailable")).to_be_visible()
    page.unroute("**/edit")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("The account is changed.")).to_be_visible()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()


def _through(route: object, console: Served, own: Served) -> None:
    """Send a request of the browser to another console, as a router does."""
    request = route.request  # type: ignore[attr-defined]
    client = console.app.test_client()
    name, value = next(each.split("=", 1) for each in request.all_headers()["cookie"].split("; "))
    client.set_cookie(name, value)
    response = client.post(
        request.url.removeprefix(own.url),
        data=request.post_data,
        content_type="application/x-www-form-urlencoded",
        headers=SAME_ORIGIN,
    )
    route.fulfill(status=response.status_code, body=response.data, content_type="text/html")  # type: ignore[attr-defined]


def test_a_page_about_a_fault_of_the_console_has_the_id_of_the_logged_request(
    app: Flask, served: Served, as_user: AsUser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(people, "render_template", lambda *_, **__: 1 / 0)
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, as_user(Role.ADMIN)))
    response = client.get("/console/people/")
    page = response.get_data(as_text=True)
    assert response.status_code == 500 and "give the ID below to an operator" in page
    assert response.headers["X-Request-ID"] in page
    caplog.clear()


def test_an_error_page_never_contains_passwords(
    app: Flask, alone: Served, submit: Callable[..., tuple[int, str]]
) -> None:
    secrets = {"current_password": "old-secret-1", "new_password": "new-secret-1"}
    status, page = submit("/console/account/password", console=alone, **secrets)
    assert status in (200, 503)
    assert "secret-1" not in page


def test_without_redis_the_page_says_so_and_keeps_the_form(settings: Settings) -> None:
    console = build_console(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    client = console.test_client()
    client.set_cookie(COOKIE, store.new_id())
    headers = {"Origin": "http://localhost"}
    response = client.post("/console/messages/new", data={"subject": "kept", "csrf_token": "t"}, headers=headers)
    page = response.get_data(as_text=True)
    assert response.status_code == 503
    assert 'value="kept"' in page and "You stay signed in" in page


def test_an_action_after_the_end_of_the_session_leads_back_to_its_page(
    app: Flask, served: Served, open_as: OpenAs, as_user: AsUser, post: Post
) -> None:
    message = post(as_user(), scheduledFor="2030-01-01T00:00:00Z")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/messages/{message}")
    redis_client().flushall()
    page.get_by_role("button", name="Cancel message").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel message").click()
    expect(page.get_by_text("Your session has ended. Sign in")).to_be_visible()
    assert page.url.endswith(f"next=/console/messages/{message}")


def test_a_draft_is_shown_to_its_author_only(app: Flask, served: Served, as_user: AsUser) -> None:
    author, other = as_user(Role.MODERATOR), as_user(Role.MODERATOR)
    for person, shown in ((other, False), (author, True)):
        session_id = start_session(served, person)
        draft = {"path": "/console/messages/new", "fields": [["subject", "Secret plan"]], "owner": str(author.user.id)}
        with served.app.app_context():
            store.save(session_id, store.DATA, {"draft": draft}, seconds=60)
        client = served.app.test_client()
        client.set_cookie(COOKIE, session_id)
        assert ("Secret plan" in client.get("/console/messages/new").get_data(as_text=True)) == shown


def test_a_live_page_says_that_it_is_not_up_to_date(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/")
    expect(page.locator("[data-stale]")).to_be_hidden()
    redis_client().flushall()
    expect(page.locator("[data-stale]")).to_be_visible(timeout=15000)
