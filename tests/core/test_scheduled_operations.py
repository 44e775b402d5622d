"""A schedule requests an operation: from the API to the end of the operation, with the real services."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import MachineClient, Role, User
from heidi_common.jwt.tokens import verify
from heidi_common.messaging.inbox import Inbox
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.core.models import Operation
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.runs import executor, request_replies
from tests.core.operation_helpers import ONBOARD, PeerCalls, change_user, run, user_by_email
from workers.actors import load

SCHEDULES = "/api/v1/schedules"
WRITE = "schedules:write"


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = StubBroker()
    broker.declare_queue("core")
    monkeypatch.setattr(dramatiq, "get_broker", lambda: broker)


def body(type: str, payload: Any) -> dict[str, Any]:
    payload = {"type": type, "input": payload}
    return {"name": "later", "cronExpression": "30 2 * * *", "action": "core.operation", "payload": payload}


def save_schedule(client: FlaskClient, headers: dict[str, str], type: str, payload: Any) -> str:
    response = client.post(SCHEDULES, json=body(type, payload), headers=headers)
    assert response.status_code == 201, response.get_json()
    schedule_id: str = response.get_json()["data"]["id"]
    return schedule_id


def run_schedule(client: FlaskClient, admin: Any, schedule_id: str) -> Operation:
    """Run the schedule now, hand its request to core as the relay does, and run the operation."""
    response = client.post(f"{SCHEDULES}/{schedule_id}/run", headers=admin.headers)
    run_id = UUID(response.get_json()["data"]["id"])
    executor.execute_run(run_id)
    event_id = db.session.scalars(select(OutboxEvent.id).where(OutboxEvent.type == "core.operation")).one()
    with transaction():
        db.session.add(Inbox(event_id=event_id, consumer="accept_operation"))
    load()["accept_operation"].function(str(event_id))
    request_replies.complete_runs([run_id])
    runs = client.get(f"{SCHEDULES}/{schedule_id}/runs", headers=admin.headers).get_json()["data"]
    assert [(item["status"], item["error"]) for item in runs] == [("SUCCEEDED", None)]
    return run(run_id)


def test_a_scheduled_onboarding_succeeds(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    row = run_schedule(client, admin, save_schedule(client, admin.headers, "onboard-user", ONBOARD))
    assert (row.status, row.error, row.requested_by) == ("SUCCEEDED", None, admin.user.id)
    assert user_by_email().role == "MODERATOR"


def test_a_scheduled_offboarding_succeeds(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any]
) -> None:
    leaving = as_user()
    hook = {"provider": "WEBHOOK", "name": "hook", "webhookUrl": "http://127.0.0.1:9/"}
    hook_id = client.post("/api/v1/integrations", json=hook, headers=leaving.headers).get_json()["data"]["id"]
    payload = {"userId": str(leaving.user.id)}
    row = run_schedule(client, admin, save_schedule(client, admin.headers, "offboard-user", payload))
    assert (row.status, row.error) == ("SUCCEEDED", None)
    assert db.session.get_one(User, leaving.user.id).deleted_at is not None
    integration = client.get(f"/api/v1/integrations/{hook_id}", headers=admin.headers).get_json()["data"]
    assert integration["isActive"] is False


def test_a_scheduled_operation_of_a_demoted_creator_is_not_done(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any]
) -> None:
    creator = as_user(Role.ADMIN)
    schedule_id = save_schedule(client, creator.headers, "onboard-user", ONBOARD)
    change_user(creator.user.id, role=Role.USER)
    row = run_schedule(client, admin, schedule_id)
    assert (row.status, peers.recorded) == ("FAILED", [])
    assert row.error == "create-user: the requester is not an active administrator any more"


def test_a_scheduled_operation_of_a_machine_client_needs_its_scopes_until_it_runs(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_client: Callable[..., dict[str, str]]
) -> None:
    headers = as_client(WRITE, "users:write", "notifications:write")
    row = run_schedule(client, admin, save_schedule(client, headers, "onboard-user", ONBOARD))
    assert (row.status, row.error) == ("SUCCEEDED", None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"revoked_at": "2026-01-01T00:00:00Z"}, "the requester does not exist or is revoked"),
        ({"scopes": [WRITE]}, "the requesting machine client lacks notifications:write, users:write"),
    ],
)
def test_a_scheduled_operation_of_a_client_without_rights_is_not_done(
    client: FlaskClient,
    peers: PeerCalls,
    admin: Any,
    as_client: Callable[..., dict[str, str]],
    change: dict[str, Any],
    reason: str,
) -> None:
    headers = as_client(WRITE, "users:write", "notifications:write")
    schedule_id = save_schedule(client, headers, "onboard-user", ONBOARD)
    with transaction():
        client_id = UUID(verify(headers["Authorization"].removeprefix("Bearer "))["sub"])
        db.session.execute(update(MachineClient).where(MachineClient.id == client_id).values(change))
    row = run_schedule(client, admin, schedule_id)
    assert (row.status, row.error, peers.recorded) == ("FAILED", f"create-user: {reason}", [])


def test_schedules_write_alone_cannot_start_an_operation(
    client: FlaskClient, admin: Any, as_client: Callable[..., dict[str, str]]
) -> None:
    """Neither with a schedule of its own, nor by changing that of an administrator, for whom core would act."""
    headers, request = as_client(WRITE), body("onboard-user", ONBOARD)
    response = client.post(SCHEDULES, json=request, headers=headers)
    assert response.status_code == 403
    needed = "The operation onboard-user also needs the scopes notifications:write, users:write."
    assert response.get_json()["detail"] == needed
    assert db.session.scalars(select(Schedule)).all() == []
    schedule_id = save_schedule(client, admin.headers, "broadcast", {"message": {"channel": "IN_APP", "content": "x"}})
    url = f"{SCHEDULES}/{schedule_id}"
    assert client.patch(url, json={"payload": request["payload"]}, headers=headers).status_code == 403
    assert client.get(url, headers=admin.headers).get_json()["data"]["payload"]["type"] == "broadcast"
    assert client.patch(url, json={"name": "renamed"}, headers=headers).status_code == 200
