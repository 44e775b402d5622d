import re
import threading
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from uuid_utils.compat import uuid7
from werkzeug import Request, Response

from heidi_common.identity.models import Role
from tests.core.conftest import Say
from tests.polling import PATIENCE

NOTIFICATIONS = "/api/v1/notifications"


def path_of(user_id: object) -> str:
    return f"/api/v1/core/users/{user_id}/profile"


def everybody_answers(say: Say, user_id: object, *, whose: dict[str, str] | None = None, but: str = "") -> None:
    mine = whose or {}
    parts: list[tuple[str, str, Any, dict[str, str], dict[str, Any]]] = [
        ("users", f"/api/v1/users/{user_id}", {"id": str(user_id)}, {}, {}),
        ("notification", f"{NOTIFICATIONS}/unread-count", {"count": 3}, mine, {}),
        ("notification", NOTIFICATIONS, [{"id": "n1"}, {"id": "n2"}], {"limit": "5"} | mine, {}),
        ("integration", "/api/v1/integrations", [{"id": "i1"}], {"userId": str(user_id)}, {}),
        ("auth", "/api/v1/auth/sessions", [{"id": "s1"}], mine, {}),
    ]
    for peer, path, data, query, meta in parts:
        if peer != but:
            say(peer, path, data, query=query, meta=meta)


def test_a_person_sees_what_several_services_know_in_one_answer(
    core_client: FlaskClient, say: Say, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    everybody_answers(say, me.user.id)
    answer = core_client.get(path_of(me.user.id), headers=me.headers)
    assert answer.get_json() == {
        "data": {
            "user": {"id": str(me.user.id)},
            "unreadCount": 3,
            "recentNotifications": [{"id": "n1"}, {"id": "n2"}],
            "integrations": [{"id": "i1"}],
            "sessions": [{"id": "s1"}],
        },
        "meta": {"unavailable": []},
    }


def test_an_administrator_asks_for_somebody_by_id(
    core_client: FlaskClient, say: Say, as_user: Callable[..., Any]
) -> None:
    them = as_user().user.id
    everybody_answers(say, them, whose={"userId": str(them)})
    answer = core_client.get(path_of(them), headers=as_user(Role.ADMIN).headers)
    assert answer.get_json()["data"]["unreadCount"] == 3
    assert answer.get_json()["meta"] == {"unavailable": []}


def test_a_service_that_is_down_gives_null_and_is_named(
    core_client: FlaskClient, say: Say, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    everybody_answers(say, me.user.id, but="notification")
    answer = core_client.get(path_of(me.user.id), headers=me.headers)
    found = answer.get_json()
    assert answer.status_code == 200
    assert found["data"]["unreadCount"] is None and found["data"]["recentNotifications"] is None
    assert found["data"]["user"] == {"id": str(me.user.id)}
    assert found["meta"] == {"unavailable": ["notification"]}


def test_the_parts_are_asked_for_at_once(
    core_client: FlaskClient, httpserver: HTTPServer, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    together = threading.Barrier(5, timeout=PATIENCE / 2)  # less than who asks has

    def wait_for_the_others(request: Request) -> Response:
        together.wait()
        return Response(
            '{"data": {"count": 0}}' if request.path.endswith(("count", str(me.user.id))) else '{"data": []}'
        )

    httpserver.expect_request(re.compile("/.*")).respond_with_handler(wait_for_the_others)
    answer = core_client.get(path_of(me.user.id), headers=me.headers)
    assert answer.get_json()["meta"] == {"unavailable": []}


def test_somebody_elses_profile_does_not_exist(core_client: FlaskClient, as_user: Callable[..., Any]) -> None:
    for headers in (as_user().headers, as_user(Role.MODERATOR).headers):
        assert core_client.get(path_of(as_user().user.id), headers=headers).status_code == 404


def test_a_person_whom_nobody_knows_is_not_found(
    core_client: FlaskClient, say: Say, as_user: Callable[..., Any]
) -> None:
    unknown = uuid7()
    say("users", f"/api/v1/users/{unknown}", status=404)
    assert core_client.get(path_of(unknown), headers=as_user(Role.ADMIN).headers).status_code == 404
