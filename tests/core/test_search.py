"""The search over all services, with the caller's permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from tests.conftest import SignedIn
from tests.integration.helpers import create_integration
from tests.notification.conftest import Post, post  # noqa: F401  # a fixture

PATH = "/api/v1/core/search"


@pytest.fixture
def search(client: FlaskClient) -> Callable[..., dict[str, list[str]]]:
    """Search as a user: the IDs of the results by kind."""

    def run(person: SignedIn, q: str) -> dict[str, list[str]]:
        response = client.get(PATH, query_string={"q": q}, headers=person.headers)
        assert response.status_code == 200, response.json
        assert response.json["meta"]["unavailable"] == []
        hits: dict[str, list[str]] = {}
        for hit in response.json["data"]:
            assert client.get(hit["link"], headers=person.headers).status_code == 200, hit
            hits.setdefault(hit["kind"], []).append(hit["id"])
        return hits

    return run


def test_users_are_found_by_staff_only(search: Any, as_user: Callable[..., SignedIn]) -> None:
    person = as_user(email="zebulon.q@example.org")
    for role in (Role.ADMIN, Role.MODERATOR):
        assert search(as_user(role), "zebulon") == {"user": [str(person.user.id)]}
        assert search(as_user(role), str(person.user.id))["user"] == [str(person.user.id)]
    assert search(as_user(), "zebulon") == {}
    assert search(as_user(), str(person.user.id)) == {}
    assert search(person, str(person.user.id))["user"] == [str(person.user.id)]


def test_a_message_is_found_by_its_id(
    search: Any,
    as_user: Callable[..., SignedIn],
    post: Post,  # noqa: F811
) -> None:
    person = as_user()
    message = str(post(person))
    assert search(person, message) == {"message": [message]}
    assert search(as_user(Role.ADMIN), f" {message.upper()} ")["message"] == [message]
    assert search(as_user(), message) == {}
    assert search(as_user(Role.ADMIN), str(uuid4())) == {}


def test_integrations_and_schedules_are_found_by_name(
    client: FlaskClient, search: Any, as_user: Callable[..., SignedIn]
) -> None:
    owner, admin = as_user(), as_user(Role.ADMIN)
    integration = create_integration(client, owner.headers, name="Büro 100% Schnittstelle")["id"]
    body = {"name": "Büro aufräumen", "cronExpression": "0 3 * * *", "action": "event.emit"}
    body |= {"payload": {"type": "custom.nightly", "data": {}}}
    schedule = client.post("/api/v1/schedules", json=body, headers=admin.headers).json["data"]["id"]
    assert search(owner, "BURO") == {"integration": [integration]}
    assert search(admin, "büro") == {"integration": [integration], "schedule": [schedule]}
    assert search(admin, "100%") == {"integration": [integration]}
    assert search(admin, "100_") == {}
    assert search(as_user(Role.MODERATOR), "büro") == {}
    assert search(owner, integration)["integration"] == [integration]


def test_events_are_found_by_type_and_by_subject(
    search: Any,
    as_user: Callable[..., SignedIn],
) -> None:
    admin = as_user(Role.ADMIN)
    assert search(admin, "notification.fai")["eventType"] == ["notification.failed"]
    assert "eventType" not in search(as_user(Role.MODERATOR), "notification.fai")


@pytest.mark.parametrize("q", ["", " ", "x" * 101], ids=["empty", "blank", "long"])
def test_a_search_needs_a_text(client: FlaskClient, as_user: Callable[..., SignedIn], q: str) -> None:
    response = client.get(PATH, query_string={"q": q}, headers=as_user().headers)
    assert response.status_code == 422


@pytest.mark.parametrize("q", ["%", "_", "\\", "'; --", "a", "𝒳", "1e5"])
def test_any_text_may_be_searched(search: Any, as_user: Callable[..., SignedIn], q: str) -> None:
    search(as_user(Role.ADMIN), q)
