import re
import threading
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from uuid_utils.compat import uuid7
from werkzeug import Request, Response

from heidi_common.identity.models import Role
from tests.core.conftest import Respond
from tests.polling import TIMEOUT_SECONDS

NOTIFICATIONS = "/api/v1/notifications"


def path_of(user_id: object) -> str:
    return f"/api/v1/core/users/{user_id}/profile"


def all_respond(
    respond: Respond, user_id: object, *, user_filter: dict[str, str] | None = None, except_for: str = ""
) -> None:
    selected = user_filter or {}
    parts: list[tuple[str, str, Any, dict[str, str], dict[str, Any]]] = [
        ("users", f"/api/v1/users/{user_id}", {"id": str(user_id)}, {}, {}),
        ("notification", f"{NOTIFICATIONS}/unread-count", {"count": 3}, selected, {}),
        ("notification", NOTIFICATIONS, [{"id": "n1"}, {"id": "n2"}], {"limit": "5"} | selected, {}),
        ("integration", "/api/v1/integrations", [{"id": "i1"}], {"userId": str(user_id)}, {}),
        ("auth", "/api/v1/auth/sessions", [{"id": "s1"}], selected, {}),
    ]
    for peer, path, data, query, meta in parts:
        if peer != except_for:
            respond(peer, path, data, query=query, meta=meta)


def test_users_see_what_several_services_know_in_one_response(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    all_respond(respond, me.user.id)
    response = core_client.get(path_of(me.user.id), headers=me.headers)
    assert response.get_json() == {
        "data": {
            "user": {"id": str(me.user.id)},
            "unreadCount": 3,
            "recentNotifications": [{"id": "n1"}, {"id": "n2"}],
            "integrations": [{"id": "i1"}],
            "sessions": [{"id": "s1"}],
        },
        "meta": {"unavailable": []},
    }


def test_a_part_of_which_only_the_first_items_are_shown_is_named(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    all_respond(respond, me.user.id, except_for="integration")
    query = {"userId": str(me.user.id)}
    respond("integration", "/api/v1/integrations", [{"id": "i1"}], query=query, meta={"hasMore": True})
    response = core_client.get(path_of(me.user.id), headers=me.headers)
    assert response.get_json()["meta"] == {"unavailable": [], "truncated": ["integrations"]}


def test_an_administrator_reads_another_user_s_profile(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    user_id = as_user().user.id
    all_respond(respond, user_id, user_filter={"userId": str(user_id)})
    response = core_client.get(path_of(user_id), headers=as_user(Role.ADMIN).headers)
    assert response.get_json()["data"]["unreadCount"] == 3
    assert response.get_json()["meta"] == {"unavailable": []}


def test_a_service_that_is_down_gives_null_and_is_named(
    core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    all_respond(respond, me.user.id, except_for="notification")
    response = core_client.get(path_of(me.user.id), headers=me.headers)
    profile = response.get_json()
    assert response.status_code == 200
    assert profile["data"]["unreadCount"] is None and profile["data"]["recentNotifications"] is None
    assert profile["data"]["user"] == {"id": str(me.user.id)}
    assert profile["meta"] == {"unavailable": ["notification"]}


def test_the_sections_are_requested_concurrently(
    core_client: FlaskClient, httpserver: HTTPServer, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    barrier = threading.Barrier(5, timeout=TIMEOUT_SECONDS / 2)  # shorter than the timeout of the calls

    def wait_for_the_others(request: Request) -> Response:
        barrier.wait()
        return Response(
            '{"data": {"count": 0}}' if request.path.endswith(("count", str(me.user.id))) else '{"data": []}'
        )

    httpserver.expect_request(re.compile("/.*")).respond_with_handler(wait_for_the_others)
    response = core_client.get(path_of(me.user.id), headers=me.headers)
    assert response.get_json()["meta"] == {"unavailable": []}


def test_another_user_s_profile_does_not_exist(core_client: FlaskClient, as_user: Callable[..., Any]) -> None:
    for headers in (as_user().headers, as_user(Role.MODERATOR).headers):
        assert core_client.get(path_of(as_user().user.id), headers=headers).status_code == 404


def test_an_unknown_user_is_not_found(core_client: FlaskClient, respond: Respond, as_user: Callable[..., Any]) -> None:
    unknown = uuid7()
    respond("users", f"/api/v1/users/{unknown}", status=404)
    assert core_client.get(path_of(unknown), headers=as_user(Role.ADMIN).headers).status_code == 404
