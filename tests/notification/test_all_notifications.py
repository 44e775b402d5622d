"""The list of the notifications of all users: who may read it, its filters, and its pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from heidi_common.database.models import utcnow
from heidi_common.identity.models import Role
from heidi_common.schemas.fields import iso
from tests.conftest import SignedIn
from tests.notification.conftest import Post

URL = "/api/v1/notifications"
Headers = dict[str, str]


def listed(client: FlaskClient, headers: Headers, **query: Any) -> list[str]:
    response = client.get(URL, query_string={"scope": "all"} | query, headers=headers)
    assert response.status_code == 200, response.json
    return [item["id"] for item in response.json["data"]]


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
def test_only_administrators_list_all(client: FlaskClient, as_user: Callable[..., SignedIn], role: Role) -> None:
    assert client.get(URL, query_string={"scope": "all"}, headers=as_user(role).headers).status_code == 403


def test_machine_clients_do_not_list_all(client: FlaskClient, as_client: Callable[..., Headers]) -> None:
    response = client.get(URL, query_string={"scope": "all"}, headers=as_client("notifications:read"))
    assert response.status_code == 403


def test_the_list_has_the_messages_of_all_users(
    client: FlaskClient, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin, people = as_user(Role.ADMIN), [as_user(), as_user()]
    sent = [str(post(person, channel=channel)) for person in people for channel in ("IN_APP", "EMAIL")]
    assert listed(client, admin.headers, limit=4) == sent[::-1]
    assert listed(client, admin.headers, channel="EMAIL", limit=2) == [sent[3], sent[1]]
    assert listed(client, admin.headers, userId=str(people[0].user.id)) == [sent[1], sent[0]]
    assert client.get(URL, headers=admin.headers).json["data"] == []


def test_pages_continue_where_the_last_one_ended(
    client: FlaskClient, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin = as_user(Role.ADMIN)
    sent = [str(post(admin, category="paged")) for _ in range(3)]
    query = {"scope": "all", "category": "paged", "limit": 2}
    first = client.get(URL, query_string=query, headers=admin.headers).json
    rest = client.get(URL, query_string=query | {"cursor": first["meta"]["nextCursor"]}, headers=admin.headers).json
    assert [item["id"] for item in first["data"] + rest["data"]] == sent[::-1]


def test_batch_template_status_and_time_select(
    client: FlaskClient, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin, person = as_user(Role.ADMIN), as_user()
    before = iso(utcnow() - timedelta(seconds=2))
    body = {"userIds": [str(person.user.id)], "channel": "IN_APP", "content": "Hello"}
    batch = client.post(f"{URL}/bulk", json=body, headers=admin.headers).json["data"]["batchId"]
    templated = str(post(person, channel="EMAIL", content=None, template="welcome", variables={"name": "Ada"}))
    [in_batch] = listed(client, admin.headers, batchId=batch)
    assert listed(client, admin.headers, batchId=batch, status="PENDING") == [in_batch]
    assert listed(client, admin.headers, batchId=batch, status="FAILED") == []
    assert listed(client, admin.headers, batchId=str(uuid4())) == []
    assert listed(client, admin.headers, template="welcome", limit=1) == [templated]
    assert set(listed(client, admin.headers, since=before)) >= {in_batch, templated}
    assert listed(client, admin.headers, since=iso(utcnow() + timedelta(minutes=1))) == []
    assert listed(client, admin.headers, userId=str(person.user.id), template="welcome") == [templated]


@pytest.mark.parametrize(
    "query", [{"scope": "mine"}, {"batchId": "7"}, {"since": "yesterday"}], ids=lambda q: next(iter(q))
)
def test_invalid_filters_are_named(
    client: FlaskClient, as_user: Callable[..., SignedIn], query: dict[str, str]
) -> None:
    response = client.get(URL, query_string=query, headers=as_user(Role.ADMIN).headers)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == [f"/query/{next(iter(query))}"]
