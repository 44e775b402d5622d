import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from uuid_utils.compat import uuid7

from heidi_common.identity.models import Role
from heidi_common.peers.models import PeerResponse
from heidi_services.notification.service.delivery.delivery import deliver
from tests.conftest import SignedIn
from tests.core.operation_helpers import NO_RESPONSE, UNAVAILABLE, PeerCalls
from tests.polling import TIMEOUT_SECONDS

NOTIFICATIONS = "/api/v1/notifications"
CALLS = (
    "GET /api/v1/users/{id}",
    "GET /api/v1/notifications/unread-count",
    "GET /api/v1/notifications",
    "GET /api/v1/integrations",
    "GET /api/v1/auth/sessions",
)


def path_of(user_id: object) -> str:
    return f"/api/v1/core/users/{user_id}/profile"


@pytest.fixture
def me(client: FlaskClient, as_user: Callable[..., SignedIn]) -> SignedIn:
    """A user with seven messages, two integrations and a session."""
    user = as_user(email="me@example.test", first_name="Ada")
    admin = as_user(Role.ADMIN)
    for number in range(7):
        body = {"userId": str(user.user.id), "channel": "IN_APP", "content": f"message {number}"}
        response = client.post(NOTIFICATIONS, json=body, headers=admin.headers)
        assert response.status_code == 202, response.get_json()
        deliver(UUID(response.get_json()["data"]["id"]))
    for name in ("first", "second"):
        add_integration(client, user, name)
    return user


def add_integration(client: FlaskClient, user: SignedIn, name: str) -> None:
    hook = {"provider": "WEBHOOK", "name": name, "webhookUrl": "http://127.0.0.1:9/"}
    assert client.post("/api/v1/integrations", json=hook, headers=user.headers).status_code == 201


@pytest.mark.parametrize("role", [None, Role.ADMIN], ids=["the user", "an administrator"])
def test_what_several_services_know_is_in_one_response(
    client: FlaskClient, me: SignedIn, as_user: Callable[..., SignedIn], role: Role | None
) -> None:
    as_user()  # of whom nothing is shown
    headers = as_user(role).headers if role else me.headers
    response = client.get(path_of(me.user.id), headers=headers)
    data = response.get_json()["data"]
    assert (response.status_code, response.get_json()["meta"]["unavailable"]) == (200, [])
    assert (data["user"]["id"], data["user"]["firstName"]) == (str(me.user.id), "Ada")
    assert data["unreadCount"] == 7
    assert [item["content"] for item in data["recentNotifications"]] == [f"message {n}" for n in (6, 5, 4, 3, 2)]
    assert {item["name"] for item in data["integrations"]} == {"first", "second"}
    assert [item["id"] for item in data["sessions"]] == [str(me.session_id)]


def test_a_part_of_which_only_the_first_items_are_shown_is_named(client: FlaskClient, me: SignedIn) -> None:
    meta = client.get(path_of(me.user.id), headers=me.headers).get_json()["meta"]
    assert meta == {"unavailable": [], "truncated": ["recentNotifications"]}
    for number in range(19):
        add_integration(client, me, f"more {number}")
    meta = client.get(path_of(me.user.id), headers=me.headers).get_json()["meta"]
    assert meta == {"unavailable": [], "truncated": ["integrations", "recentNotifications"]}


SECTIONS = {
    "users": ["user"],
    "notification": ["recentNotifications", "unreadCount"],
    "integration": ["integrations"],
    "auth": ["sessions"],
}


@pytest.mark.parametrize("failing", SECTIONS)
@pytest.mark.parametrize("fault", [UNAVAILABLE, NO_RESPONSE], ids=["503", "no response"])
def test_a_service_that_is_down_gives_null_and_is_named(
    client: FlaskClient, peers: PeerCalls, me: SignedIn, failing: str, fault: PeerResponse
) -> None:
    peers.fail(failing, [fault] * 2)
    response = client.get(path_of(me.user.id), headers=me.headers)
    profile = response.get_json()
    assert response.status_code == 200
    assert sorted(name for name, value in profile["data"].items() if value is None) == SECTIONS[failing]
    assert profile["meta"]["unavailable"] == [failing]


def test_the_sections_are_requested_concurrently(client: FlaskClient, peers: PeerCalls, me: SignedIn) -> None:
    barrier = threading.Barrier(len(CALLS), timeout=TIMEOUT_SECONDS)
    for name in CALLS:
        peers.before(name, barrier.wait)
    response = client.get(path_of(me.user.id), headers=me.headers)
    assert response.get_json()["meta"]["unavailable"] == []
    assert not barrier.broken and sorted(peers.names()) == sorted(CALLS)


def test_another_user_s_profile_does_not_exist(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    for headers in (as_user().headers, as_user(Role.MODERATOR).headers):
        assert client.get(path_of(as_user().user.id), headers=headers).status_code == 404


@pytest.mark.parametrize("user_id", [uuid7(), UUID(int=0)], ids=["unknown", "zero"])
def test_an_unknown_user_is_not_found(client: FlaskClient, as_user: Callable[..., Any], user_id: UUID) -> None:
    assert client.get(path_of(user_id), headers=as_user(Role.ADMIN).headers).status_code == 404
