"""The pages that mails link to: what a browser is sent, what their script asks of the API, and what that answers."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.password_hashing import MAX_PASSWORD_BYTES
from heidi_common.identity.password_policy import MIN_CHARACTERS
from heidi_common.runtime import current_runtime, current_settings
from heidi_services.auth.pages import SCRIPT, WORDS
from heidi_services.auth.service import password
from tests.auth.helpers import ANOTHER, bearer, login, mails, register
from tests.conftest import make_settings

PAGES = ("/verify-email", "/reset-password")


class Elements(HTMLParser):
    """Every element of a page with its attributes; the text of its style and its script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open in ("style", "script"):
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def ids(self) -> set[str]:
        return {str(attributes["id"]) for _, attributes in self.found if "id" in attributes}


def opened(client: FlaskClient, path: str, language: str = "en") -> Elements:
    return Elements(client.get(path, headers={"Accept-Language": language}).text)


def post(client: FlaskClient, page: str, form: str, body: dict[str, str]):
    """What the script does for a form: the address and the fields are those that stand in the page."""
    elements = opened(client, page)
    (to,) = (one["data-to"] for one in elements.all("form") if one["id"] == form)
    fields = {str(one["data-field"]) for one in elements.all("input") if one.get("data-field")}
    assert body.keys() - {"token"} <= fields
    path = re.search(r"fetch\(`([^$]+)\$\{form\.dataset\.to\}`", SCRIPT)
    return client.post(urljoin(page, f"{path[1]}{to}"), json=body)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_to_a_policy_that_lets_in_its_own_style_and_script_and_nothing_else(
    client: FlaskClient, page: str
) -> None:
    answer = client.get(page)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    elements = Elements(answer.text)
    hashes = {
        tag: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for tag, text in elements.texts.items()
    }
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    attributes = [name for _, found in elements.found for name in found]
    assert [name for name in attributes if name == "src" or name == "style" or name.startswith("on")] == []
    assert {one.get("href") for one in elements.all("a")} <= {"reset-password"}
    assert "//" not in re.sub(r"^\s*//.*$", "", SCRIPT, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en"), ("fr, de;q=0.5", "de")],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_speaks_the_browsers_language(client: FlaskClient, page: str, accepted: str, language: str) -> None:
    answer = client.get(page, headers={"Accept-Language": accepted})
    assert Elements(answer.text).all("html") == [{"lang": language}]
    assert WORDS[language][page[1:]]["title"] in answer.text
    assert (answer.headers["Content-Language"], "Accept-Language" in answer.headers["Vary"]) == (language, True)


def test_every_language_says_everything() -> None:
    said = {language: {page: words.keys() for page, words in pages.items()} for language, pages in WORDS.items()}
    assert said["en"].keys() == {"everywhere", *(page[1:] for page in PAGES)}
    assert all(one == said["en"] for one in said.values())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_with_a_keyboard_a_screen_reader_and_a_phone(client: FlaskClient, page: str) -> None:
    elements = opened(client, page)
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.all("meta")
    labelled = {one.get("for") for one in elements.all("label")}
    named = [one["id"] for one in elements.all("input") if one["type"] != "checkbox"]
    assert set(named) <= labelled
    assert [one.get("role") for one in elements.all("p") if one.get("id") == "said"] == ["status"]
    assert len(elements.all("h1")) == len(elements.all("noscript")) == 1
    assert all("hidden" in form for form in elements.all("form")), "without its script a form must not be sent"
    assert all("name" not in one for one in elements.all("input")), "a password must not get into an address"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_a_text_for_whatever_its_script_can_say(client: FlaskClient, page: str) -> None:
    elements = opened(client, page)
    says = {"expired", "slow", "failed", *(str(one["id"]) for one in elements.all("form"))}
    says |= {"refused"} if page == "/reset-password" else set()
    assert {f"say-{what}" for what in says} <= elements.ids()


def test_the_texts_know_the_rules(client: FlaskClient) -> None:
    (field,) = (one for one in opened(client, "/reset-password").all("input") if one["id"] == "password")
    assert (field["minlength"], field["maxlength"]) == (str(MIN_CHARACTERS), str(MAX_PASSWORD_BYTES))
    for pages in WORDS.values():
        assert f"{MIN_CHARACTERS} " in pages["reset-password"]["rules"]
        assert f" {password.LIFETIME.seconds // 60} " in pages["reset-password"]["asked"]


def test_the_link_in_a_mail_leads_to_the_page_and_its_button_verifies_the_address(client: FlaskClient) -> None:
    data = register(client)
    mail = mails("verify-email")[0]["variables"]
    link = urlsplit(mail["link"])
    assert link._replace(fragment="").geturl() == "http://heidi.test/verify-email"
    token = link.fragment.removeprefix("token=")
    assert client.get(f"{link.path}?utm_source=mail").status_code == 200
    assert post(client, link.path, "confirm", {"token": token}).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]["emailVerified"] is True
    again = post(client, link.path, "confirm", {"token": token})
    assert (again.status_code, again.json["code"]) == (400, "invalid_token")


def test_a_forgotten_password_is_set_anew_with_nothing_but_the_pages(client: FlaskClient) -> None:
    register(client)
    assert post(client, "/reset-password", "ask", {"email": "ada@example.test"}).status_code == 202
    link = urlsplit(mails("password-reset")[-1]["variables"]["link"])
    token = link.fragment.removeprefix("token=")
    poor = post(client, link.path, "choose", {"token": token, "newPassword": "password1234"})
    assert (poor.status_code, poor.json["code"]) == (422, "password_refused")
    assert post(client, link.path, "choose", {"token": token, "newPassword": ANOTHER}).status_code == 204
    assert login(client, password=ANOTHER).status_code == 200
    used = post(client, link.path, "choose", {"token": token, "newPassword": ANOTHER})
    assert (used.status_code, used.json["code"]) == (400, "invalid_token")


def test_links_lead_to_a_frontend_of_ones_own_when_there_is_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = current_settings()
    changed = make_settings(settings.database_url, settings.redis_url, frontend_url="https://app.example.org/account")
    monkeypatch.setattr(current_runtime(), "settings", changed)
    register(app.test_client())
    assert mails("verify-email")[0]["variables"]["link"].startswith(
        "https://app.example.org/account/verify-email#token="
    )
