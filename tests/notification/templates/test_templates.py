"""The HTTP API of templates: validation, versions, previews and default templates."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from string import ascii_lowercase
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_services.notification.service.templates.template_resolver import default_templates
from heidi_services.notification.service.templates.template_validation import validate_template
from tests.conftest import SignedIn
from tests.notification.conftest import Post, row

AsUser = Callable[..., SignedIn]
URL = "/api/v1/notifications/templates"
BILL = {
    "name": "bill",
    "channel": "EMAIL",
    "locale": "en",
    "subject": "Bill {{ number }}",
    "body": "Dear {{ name }}",
    "html": "<p>Dear {{ name }}</p>",
    "category": "billing",
}


@pytest.fixture
def admin(as_user: AsUser) -> dict[str, str]:
    return as_user(Role.ADMIN).headers


def _create(client: FlaskClient, admin: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = client.post(URL, json=BILL | changes, headers=admin)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()["data"]  # type: ignore[no-any-return]


def test_a_template_is_created_previewed_changed_and_deleted(client: FlaskClient, admin: dict[str, str]) -> None:
    created = _create(client, admin)
    url = f"{URL}/{created['id']}"
    assert created["version"] == 1
    variables = {"variables": {"number": 7, "name": "<Ann>"}}
    shown = client.post(f"{url}/preview", json=variables, headers=admin).get_json()["data"]
    assert shown == {"subject": "Bill 7", "body": "Dear <Ann>", "html": "<p>Dear &lt;Ann&gt;</p>"}

    tag = client.get(url, headers=admin).headers["ETag"]
    changed = client.patch(url, json={"body": "Hi {{ name }}"}, headers=admin | {"If-Match": tag}).get_json()["data"]
    assert (changed["version"], changed["body"], changed["subject"]) == (2, "Hi {{ name }}", "Bill {{ number }}")
    assert client.patch(url, json={"body": "x"}, headers=admin | {"If-Match": tag}).status_code == 412
    versions = client.get(f"{url}/versions", headers=admin).get_json()["data"]
    assert [(version["version"], version["body"]) for version in versions] == [
        (2, "Hi {{ name }}"),
        (1, "Dear {{ name }}"),
    ]

    assert client.delete(url, headers=admin).status_code == 204
    assert client.get(url, headers=admin).status_code == 404


def test_a_missing_variable_is_named(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{URL}/{_create(client, admin)['id']}/preview"
    answer = client.post(url, json={"variables": {"number": 7}}, headers=admin)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json()["errors"]] == ["/variables/name"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"body": "{{ 'x' * 10**9 }}"}, "/body"),
        ({"subject": "{{ open"}, "/subject"),
        ({"html": "{% for a in b %}{% for c in d %}{% endfor %}{% endfor %}"}, "/html"),
        ({"name": "Bill!"}, "/name"),
        ({"locale": "german"}, "/locale"),
        ({"channel": "FAX"}, "/channel"),
        ({"channel": "SMS"}, "/html"),
        ({"body": '{{ "\\x00" }}'}, "/body"),
        ({"body": '{% if a == "\\ud800" %}{% endif %}'}, "/body"),
        ({"body": "{{ " + "9" * 5000 + " }}"}, "/body"),
        ({"subject": "Bill\nBcc: all@example.org"}, "/subject"),
        ({"subject": "Bill\r\n"}, "/subject"),
    ],
)
def test_an_invalid_template_is_rejected(
    client: FlaskClient, admin: dict[str, str], change: dict[str, str], pointer: str
) -> None:
    answer = client.post(URL, json=BILL | change, headers=admin)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, [pointer])


def test_html_is_only_supported_for_email(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{URL}/{_create(client, admin, channel='PUSH', html=None)['id']}"
    answer = client.patch(url, json={"html": "<p>Hi</p>"}, headers=admin)
    assert (answer.status_code, [e["pointer"] for e in answer.get_json()["errors"]]) == (422, ["/html"])
    assert client.patch(url, json={"html": None}, headers=admin).status_code == 200


def test_versions_are_paged_latest_first(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{URL}/{_create(client, admin)['id']}"
    for number in range(2):
        client.patch(url, json={"body": f"again {number}"}, headers=admin)
    first = client.get(f"{url}/versions?limit=2&total=true", headers=admin).get_json()
    second = client.get(f"{url}/versions?limit=2&cursor={first['meta']['nextCursor']}", headers=admin).get_json()
    assert [version["version"] for version in first["data"] + second["data"]] == [3, 2, 1]
    assert (first["meta"]["total"], second["meta"]["hasMore"]) == (3, False)


def test_concurrent_changes_each_create_a_version(app: Flask, client: FlaskClient, admin: dict[str, str]) -> None:
    url, start = f"{URL}/{_create(client, admin)['id']}", Barrier(6)

    def change(number: int) -> int:
        with app.app_context(), app.test_client() as other:
            start.wait()
            return other.patch(url, json={"body": f"again {number}"}, headers=admin).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(change, range(6))) == {200}
    assert len(client.get(f"{url}/versions", headers=admin).get_json()["data"]) == 7


def test_a_name_is_unique_per_channel_and_locale(client: FlaskClient, admin: dict[str, str]) -> None:
    _create(client, admin)
    _create(client, admin, locale="de")
    answer = client.post(URL, json=BILL, headers=admin)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "template_exists")


def test_templates_are_listed_by_name_with_paging_and_filters(client: FlaskClient, admin: dict[str, str]) -> None:
    for letter in "cab":
        _create(client, admin, name=f"bill-{letter}")
    first = client.get(f"{URL}?limit=2&total=true", headers=admin).get_json()
    second = client.get(f"{URL}?limit=2&cursor={first['meta']['nextCursor']}", headers=admin).get_json()
    assert [template["name"] for template in first["data"] + second["data"]] == [
        f"bill-{x}" for x in ascii_lowercase[:3]
    ]
    assert first["meta"]["total"] == 3
    assert len(client.get(f"{URL}?name=bill-a", headers=admin).get_json()["data"]) == 1


def test_only_administrators_can_access_templates(client: FlaskClient, as_user: AsUser) -> None:
    for role in (Role.USER, Role.MODERATOR):
        assert client.get(URL, headers=as_user(role).headers).status_code == 403
        assert client.post(f"{URL}/{uuid4()}/preview", json={}, headers=as_user(role).headers).status_code == 403


def test_a_notification_uses_the_version_it_was_queued_with(
    client: FlaskClient, admin: dict[str, str], post: Post, as_user: AsUser
) -> None:
    created = _create(client, admin)
    body = {"content": None, "template": "bill", "variables": {"number": 7, "name": "Ann"}}
    before = row(post(as_user(), **body))
    client.patch(f"{URL}/{created['id']}", json={"body": "New {{ name }}"}, headers=admin)
    after = row(post(as_user(), **body))
    assert (before.template_version, before.content, before.category) == (1, "Dear Ann", "billing")
    assert (after.template_version, after.content) == (2, "New Ann")


def test_a_stored_template_overrides_the_default_one(
    client: FlaskClient, admin: dict[str, str], post: Post, as_user: AsUser
) -> None:
    _create(client, admin, name="welcome", subject="Hi", body="Ours", html=None)
    assert row(post(as_user(locale="en"), content=None, template="welcome")).content == "Ours"
    assert row(post(as_user(locale="de"), content=None, template="welcome")).subject == "Willkommen bei Heidi"


def test_the_default_templates_are_valid_and_exist_in_both_languages() -> None:
    names = {"welcome", "verify-email", "password-reset", "new-device", "token-theft", "password-changed"}
    names |= {"email-taken", "mfa-removed", "invitation"}
    defaults = set(default_templates())
    assert names <= {name for name, _ in defaults}
    assert defaults == {(name, locale) for name, _ in defaults for locale in ("en", "de")}
    variables = {"firstName": "Ann", "link": "https://example.org", "device": "Firefox", "ip": "192.0.2.1", "days": 7}
    for (name, _), source in default_templates().items():
        validate_template(source.body)
        text = source.render(variables)
        # The owner of the address did not enter the name if someone else may have registered the account.
        assert ("Ann" in text.content) is (name != "attachments-removed") and text.subject
