"""An operation is one declaration: one file adds it to core, to its API and to the schedules that request it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import User
from heidi_common.operations.registry import OPERATIONS
from heidi_common.peers.models import PeerResponse
from heidi_services.notification.models import Notification
from tests.core.operation_helpers import GREET, PATH, PeerCalls, create, request_operation, run, steps
from tests.variants import rename_user

SCHEDULES = "/api/v1/schedules"


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, rename_user.OPERATION.name, rename_user.OPERATION)


def test_an_operation_of_one_file_is_run(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any]
) -> None:
    user_id = as_user().user.id
    payload = {"userId": str(user_id), "firstName": "Ada"}
    row = run(request_operation(client, admin, "rename-user", payload))
    assert (row.status, set(steps(row).values()), row.error) == ("SUCCEEDED", {"SUCCEEDED"}, None)
    assert db.session.get_one(User, user_id).first_name == "Ada"
    assert db.session.scalars(select(Notification.content)).all() == ["You have a new name."]
    [listed] = client.get(f"{PATH}?type=rename-user", headers=admin.headers).json["data"]
    assert listed["input"] == {"userId": str(user_id)}


def test_its_steps_are_undone(client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any]) -> None:
    user = as_user().user
    user_id, before = user.id, user.first_name
    peers.fail(GREET, [PeerResponse(422, {"code": "invalid"})])
    row = run(request_operation(client, admin, "rename-user", {"userId": str(user_id), "firstName": "Ada"}))
    assert row.status == "COMPENSATED"
    assert db.session.get_one(User, user_id).first_name == before


def test_its_input_is_validated_when_it_is_requested_and_when_it_is_scheduled(client: FlaskClient, admin: Any) -> None:
    response = create(client, admin, "rename-user", {"userId": "x", "firstName": "Ada"})
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/input/userId")
    action = {"type": "rename-user", "input": {"userId": str(admin.user.id)}}
    body = {"name": "later", "cronExpression": "30 2 * * *", "action": "core.operation", "payload": action}
    response = client.post(SCHEDULES, json=body, headers=admin.headers)
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"].startswith("/payload/input")
    action["input"]["firstName"] = "Ada"
    assert client.post(SCHEDULES, json=body, headers=admin.headers).status_code == 201


def test_it_is_listed_with_its_schema_and_scopes(client: FlaskClient, admin: Any) -> None:
    types = client.get("/api/v1/core/operation-types", headers=admin.headers).json["data"]
    [listed] = [item for item in types if item["type"] == "rename-user"]
    assert listed["description"] == "Rename a user and tell them."
    assert (listed["steps"], listed["scopes"]) == (
        ["look-up", "rename", "tell"],
        ["notifications:write", "users:read", "users:write"],
    )
    assert not Draft202012Validator(listed["input"]).is_valid({"userId": "x"})


def test_a_schedule_of_a_machine_client_needs_its_scopes(
    client: FlaskClient, admin: Any, as_client: Callable[..., dict[str, str]]
) -> None:
    action = {"type": "rename-user", "input": {"userId": str(admin.user.id), "firstName": "Ada"}}
    body = {"name": "later", "cronExpression": "30 2 * * *", "action": "core.operation", "payload": action}
    refused = client.post(SCHEDULES, json=body, headers=as_client("schedules:write", "users:write"))
    assert refused.status_code == 403
    assert "users:read" in refused.json["detail"]
