"""The pages that e-mails link to: what a browser receives, what their script requests, and how the API responds."""

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
from heidi_services.auth.pages import SCRIPT, TRANSLATIONS
from heidi_services.auth.service import password_reset
from tests.auth.helpers import ANOTHER, bearer, login, mails, register
from tests.conftest import make_settings

PAGES = ("/verify-email", "/reset-password", "/confirm-email", "/revert-email")


class Elements(HTMLParser):
    """Every element of a page with its attributes; the text of its style and its script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open in ("style", "script"):
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> set[str]:
        return {str(attributes["id"]) for _, attributes in self.elements if "id" in attributes}


def open_page(client: FlaskClient, path: str, language: str = "en") -> Elements:
    return Elements(client.get(path, headers={"Accept-Language": language}).text)


def post(client: FlaskClient, page: str, form: str, body: dict[str, str]):
    """Do what the script does for a form: the URL and the fields are read from the page."""
    elements = open_page(client, page)
    (to,) = (element["data-to"] for element in elements.all("form") if element["id"] == form)
    fields = {str(element["data-field"]) for element in elements.all("input") if element.get("data-field")}
    assert body.keys() - {"token"} <= fields
    path = re.search(r"fetch\(`([^$]+)\$\{form\.dataset\.to\}`", SCRIPT)
    return client.post(urljoin(page, f"{path[1]}{to}"), json=body)


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_content_security_policy_allows_only_its_own_style_and_script(client: FlaskClient, page: str) -> None:
    response = client.get(page)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    elements = Elements(response.text)
    hashes = {
        tag: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for tag, text in elements.texts.items()
    }
    assert response.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert response.headers["Referrer-Policy"] == "no-referrer"
    attributes = [name for _, attrs in elements.elements for name in attrs]
    assert [name for name in attributes if name == "src" or name == "style" or name.startswith("on")] == []
    assert {link.get("href") for link in elements.all("a")} <= {"reset-password"}
    assert "//" not in re.sub(r"^\s*//.*$", "", SCRIPT, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en"), ("fr, de;q=0.5", "de")],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_the_browsers_language(client: FlaskClient, page: str, accepted: str, language: str) -> None:
    response = client.get(page, headers={"Accept-Language": accepted})
    assert Elements(response.text).all("html") == [{"lang": language}]
    assert TRANSLATIONS[language][page[1:]]["title"] in response.text
    assert (response.headers["Content-Language"], "Accept-Language" in response.headers["Vary"]) == (language, True)


def test_every_language_has_every_text() -> None:
    names = {
        language: {page: texts.keys() for page, texts in pages.items()} for language, pages in TRANSLATIONS.items()
    }
    assert names["en"].keys() == {"common", *(page[1:] for page in PAGES)}
    assert all(other == names["en"] for other in names.values())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_with_a_keyboard_a_screen_reader_and_a_phone(client: FlaskClient, page: str) -> None:
    elements = open_page(client, page)
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.all("meta")
    labeled = {element.get("for") for element in elements.all("label")}
    inputs = [element["id"] for element in elements.all("input") if element["type"] != "checkbox"]
    assert set(inputs) <= labeled
    assert [element.get("role") for element in elements.all("p") if element.get("id") == "status"] == ["status"]
    assert len(elements.all("h1")) == len(elements.all("noscript")) == 1
    assert all("hidden" in form for form in elements.all("form")), "without its script a form must not be sent"
    assert all("name" not in element for element in elements.all("input")), "a password must not get into an address"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_a_text_for_each_message_of_its_script(client: FlaskClient, page: str) -> None:
    elements = open_page(client, page)
    messages = {"expired", "throttled", "failed", *(str(form["id"]) for form in elements.all("form"))}
    messages |= {"refused"} if page == "/reset-password" else set()
    assert {f"message-{name}" for name in messages} <= elements.ids()


def test_the_texts_name_the_rules(client: FlaskClient) -> None:
    (field,) = (element for element in open_page(client, "/reset-password").all("input") if element["id"] == "password")
    assert (field["minlength"], field["maxlength"]) == (str(MIN_CHARACTERS), str(MAX_PASSWORD_BYTES))
    for pages in TRANSLATIONS.values():
        assert f"{MIN_CHARACTERS} " in pages["reset-password"]["rules"]
        assert f" {password_reset.LIFETIME.seconds // 60} " in pages["reset-password"]["link_requested"]


def test_the_link_in_an_email_opens_the_page_and_its_button_verifies_the_address(client: FlaskClient) -> None:
    data = register(client)
    mail = mails("verify-email")[0]["variables"]
    link = urlsplit(mail["link"])
    assert link._replace(fragment="").geturl() == "http://heidi.test/verify-email"
    token = link.fragment.removeprefix("token=")
    assert client.get(f"{link.path}?utm_source=mail").status_code == 200
    assert post(client, link.path, "verify", {"token": token}).status_code == 204
    assert client.get("/api/v1/auth/me", headers=bearer(data)).json["data"]["emailVerified"] is True
    again = post(client, link.path, "verify", {"token": token})
    assert (again.status_code, again.json["code"]) == (400, "invalid_token")


def test_a_forgotten_password_can_be_reset_with_the_pages_alone(client: FlaskClient) -> None:
    register(client)
    assert post(client, "/reset-password", "request-link", {"email": "ada@example.test"}).status_code == 202
    link = urlsplit(mails("password-reset")[-1]["variables"]["link"])
    token = link.fragment.removeprefix("token=")
    common_password = post(client, link.path, "set-password", {"token": token, "newPassword": "password1234"})
    assert (common_password.status_code, common_password.json["code"]) == (422, "password_refused")
    assert post(client, link.path, "set-password", {"token": token, "newPassword": ANOTHER}).status_code == 204
    assert login(client, password=ANOTHER).status_code == 200
    used = post(client, link.path, "set-password", {"token": token, "newPassword": ANOTHER})
    assert (used.status_code, used.json["code"]) == (400, "invalid_token")


def test_links_open_the_configured_frontend(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = current_settings()
    changed = make_settings(settings.database_url, settings.redis_url, frontend_url="https://app.example.org/account")
    monkeypatch.setattr(current_runtime(), "settings", changed)
    register(app.test_client())
    assert mails("verify-email")[0]["variables"]["link"].startswith(
        "https://app.example.org/account/verify-email#token="
    )
