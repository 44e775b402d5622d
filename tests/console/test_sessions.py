"""Sign-in, the session's cookie, and attacks on both."""

from __future__ import annotations

import time
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from heidi_common.identity.models import Role
from heidi_common.redis.client import redis_client
from heidi_console.session import store
from tests.auth.helpers import PASSWORD, register_verified
from tests.conftest import SignedIn
from tests.console.accessibility import violations
from tests.console.conftest import COOKIE, Served, start_session

EMAIL = "ada@example.test"
OpenAs = Callable[..., Page]


@pytest.fixture
def account(client: FlaskClient) -> dict[str, str]:
    """A registered account with a verified address; its tokens."""
    tokens: dict[str, str] = register_verified(client)
    return tokens


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_user_signs_in_and_out_and_the_api_rejects_the_session(
    account: dict[str, str], open_as: OpenAs, client: FlaskClient, served: Served
) -> None:
    page = open_as(None)
    page.goto("/console/sign-in")
    sign_in(page, "a wrong password 123")
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("button", name="Account of")).to_be_visible()
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Lax", -1)
    client.set_cookie(COOKIE, cookie["value"])
    assert client.get("/api/v1/auth/me").status_code == 401, "the API does not read cookies"
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    refreshed = client.post("/api/v1/auth/refresh", json={"refreshToken": account["refreshToken"]})
    assert refreshed.status_code == 200, "another session of the user continues"


def test_a_second_factor_is_asked_for(account: dict[str, str], open_as: OpenAs, client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {account['accessToken']}"}
    secret = client.post("/api/v1/auth/mfa/totp", headers=headers).get_json()["data"]["secret"]
    client.post("/api/v1/auth/mfa/totp/confirm", json={"code": pyotp.TOTP(secret).now()}, headers=headers)
    page = open_as(None)
    page.goto("/console/sign-in")
    sign_in(page)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Code").fill(pyotp.TOTP(secret).at(int(time.time()) + 30))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Account of")).to_be_visible()


@pytest.mark.parametrize(
    "target", ["https://evil.test/", "//evil.test/console/", "/\\evil.test", "/console/\n//x", "/x"]
)
def test_sign_in_leads_to_pages_of_the_console_only(
    app: Flask, served: Served, as_user: Callable[..., SignedIn], target: str
) -> None:
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, as_user()))
    response = client.get("/console/sign-in", query_string={"next": target})
    assert (response.status_code, response.headers["Location"]) == (303, "/console/")


def test_an_id_from_before_the_sign_in_is_worthless_afterwards(
    account: dict[str, str], open_as: OpenAs, served: Served
) -> None:
    page = open_as(None)
    page.goto("/console/sign-in")
    (before,) = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == COOKIE]
    sign_in(page)
    expect(page.get_by_role("button", name="Account of")).to_be_visible()
    (after,) = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == COOKIE]
    client = served.app.test_client()
    client.set_cookie(COOKIE, before)
    assert before != after
    assert client.get("/console/messages/new").status_code == 303


def test_only_a_session_can_have_ended(app: Flask, served: Served) -> None:
    for cookie, ended in ((None, False), ("expired", True)):
        client = served.app.test_client()
        if cookie:
            client.set_cookie(COOKIE, cookie)
        page = client.get("/console/people/", follow_redirects=True).get_data(as_text=True)
        assert ("Your session has ended" in page) is ended


def test_an_id_chosen_by_an_attacker_is_not_adopted(app: Flask, served: Served) -> None:
    client = served.app.test_client()
    client.set_cookie(COOKIE, "chosen-by-the-attacker")
    response = client.get("/console/sign-in")
    assert "chosen" not in response.headers["Set-Cookie"]


def test_redis_contains_neither_the_id_nor_the_tokens(
    app: Flask, served: Served, as_user: Callable[..., SignedIn]
) -> None:
    person = as_user()
    session_id = start_session(served, person)
    (key,) = redis_client().keys("heidi:console:session:*")
    stored = key + b"".join(redis_client().hgetall(key).values())
    assert session_id.encode() not in stored
    assert person.headers["Authorization"].split(".")[1].encode() not in stored
    assert person.user.email.encode() not in stored


def test_a_form_without_its_token_or_from_another_site_has_no_effect(
    app: Flask, served: Served, as_user: Callable[..., SignedIn]
) -> None:
    client = served.app.test_client()
    client.set_cookie(COOKIE, start_session(served, as_user(Role.ADMIN)))
    for headers in ({}, {"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/console/sign-out", headers=headers).status_code == 403
    assert client.get("/console/messages/new").status_code == 200, "still signed in"


def test_pages_cannot_be_framed_and_load_nothing_from_elsewhere(app: Flask, served: Served) -> None:
    headers = served.app.test_client().get("/console/sign-in").headers
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_what_the_user_typed_survives_the_end_of_the_session(
    app: Flask, served: Served, open_as: OpenAs, account: dict[str, str]
) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/messages/new")
    page.get_by_label("Subject").fill("A long message")
    redis_client().flushall()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    assert page.url.endswith("next=/console/messages/new")


def test_a_live_page_does_not_take_the_message_of_the_next_page(
    app: Flask, served: Served, as_user: Callable[..., SignedIn]
) -> None:
    session_id = start_session(served, as_user(Role.ADMIN))
    with served.app.app_context():
        store.save(session_id, store.DATA, {"_flashes": [("good", "The webhook is changed.")]}, seconds=60)
    client = served.app.test_client()
    client.set_cookie(COOKIE, session_id)
    assert "The webhook is changed." not in client.get("/console/clients/", headers={"X-Live": "1"}).text
    assert "The webhook is changed." in client.get("/console/clients/").text
    assert "The webhook is changed." not in client.get("/console/clients/").text
