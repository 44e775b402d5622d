import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import select, update
from uuid_utils.compat import uuid7
from werkzeug import Request, Response

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.events import CoreOperation
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_services.core import credentials
from heidi_services.core.models import Operation
from heidi_services.core.operations.base import StepContext
from heidi_services.core.service import operation_runner, operations

PATH = "/api/v1/core/operations"
ONBOARD = {"email": "new@example.test", "firstName": "Ada", "role": "MODERATOR"}


class Peers:
    """Responses of the services by "METHOD /service/path", of which the last is repeated; records the requests."""

    def __init__(self, server: HTTPServer) -> None:
        self.responses: dict[str, list[tuple[int, Any]]] = {}
        self.requests: list[tuple[str, Any, Any]] = []
        server.expect_request(re.compile("/.*")).respond_with_handler(self._handle)

    def respond(self, call: str, *responses: tuple[int, Any]) -> None:
        self.responses[call] = list(responses)

    def calls(self) -> list[str]:
        return [call for call, _, _ in self.requests]

    def _handle(self, request: Request) -> Response:
        call = f"{request.method} {request.path}"
        self.requests.append((call, request.get_json(silent=True), dict(request.headers)))
        remaining = self.responses[call]
        status, data = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        body = {"data": data, "meta": {}} if status < 400 and not request.path.endswith("/auth/token") else data
        return Response(json.dumps(body) if status != 204 else "", status, content_type="application/json")


@pytest.fixture
def peers(httpserver: HTTPServer) -> Peers:
    return Peers(httpserver)


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


@pytest.fixture
def worker_context(core: Flask) -> Iterator[None]:
    """An app context without a request, as in a worker."""
    with core.app_context():
        yield


def create(client: FlaskClient, user: Any, type: str, payload: Any, **headers: str) -> Any:
    return client.post(PATH, json={"type": type, "input": payload}, headers=user.headers | headers)


def run(operation_id: str) -> Operation:
    """Run the operation as a worker does, now, even if it is due later."""
    with transaction():
        db.session.execute(update(Operation).values(next_attempt_at=utcnow() - timedelta(seconds=1)))
    operation_runner.run(UUID(operation_id))
    db.session.expire_all()
    return db.session.get_one(Operation, UUID(operation_id))


def steps(row: Operation) -> dict[str, str]:
    return {step["name"]: step["status"] for step in row.steps}


def accept_onboarding(peers: Peers, user_id: str) -> None:
    peers.respond("POST /users/api/v1/users", (201, {"id": user_id}))
    peers.respond("POST /auth/api/v1/auth/password/invite", (202, None))
    peers.respond("POST /notification/api/v1/notifications", (202, {"id": "n1"}))


def test_an_operation_is_accepted_shown_and_emitted(core_client: FlaskClient, admin: Any) -> None:
    answer = create(core_client, admin, "onboard-user", ONBOARD)
    operation = answer.get_json()["data"]
    assert (answer.status_code, operation["status"]) == (202, "PENDING")
    assert [step["name"] for step in operation["steps"]] == ["create-user", "invite", "greet"]
    assert operation["requestedBy"] == str(admin.user.id)
    assert operation["input"] == {"role": "MODERATOR"}
    assert b"new@example.test" not in answer.data
    event = db.session.scalars(select(OutboxEvent)).one()
    assert (event.type, event.subject) == ("core.operation", operation["id"])
    assert core_client.get(f"{PATH}/{operation['id']}", headers=admin.headers).get_json()["data"] == operation
    listed = core_client.get(f"{PATH}?type=onboard-user&status=PENDING", headers=admin.headers).get_json()["data"]
    assert listed == [operation]


def test_onboarding_creates_the_account_invites_and_greets(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = run(operation["id"])
    assert (row.status, set(steps(row).values()), row.error) == ("SUCCEEDED", {"SUCCEEDED"}, None)
    assert row.sealed is None and row.finished_at is not None
    created, invited, greeted = peers.requests
    assert created[1] == created[1] | ONBOARD and len(created[1]["password"]) >= 40
    assert invited[1] == {"userId": "u1"}
    assert greeted[1]["userId"] == "u1" and greeted[1]["channel"] == "IN_APP"
    assert {headers["Authorization"] for _, _, headers in peers.requests} == {admin.headers["Authorization"]}
    done = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "core.operation.completed")).one()
    assert done.data == {"id": operation["id"], "operation": "onboard-user", "status": "SUCCEEDED"}


def test_a_finished_operation_is_not_run_again(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    run(operation["id"])
    run(operation["id"])
    assert len(peers.requests) == 3


def test_an_unavailable_service_is_called_again_with_the_same_request(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /users/api/v1/users", (503, {"code": "unavailable"}), (201, {"id": "u1"}))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    before = utcnow()
    row = run(operation["id"])
    assert (row.status, row.attempts, row.error) == ("PENDING", 1, "users returned 503 (unavailable)")
    assert row.next_attempt_at >= before + timedelta(seconds=0.5) and row.locked_until is None
    assert run(operation["id"]).status == "SUCCEEDED"
    first, second = peers.requests[:2]
    assert first[1] == second[1]
    assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"]


def test_steps_that_are_done_are_not_repeated(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /notification/api/v1/notifications", (503, {}), (202, {"id": "n1"}))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    assert steps(run(operation["id"]))["invite"] == "SUCCEEDED"
    assert run(operation["id"]).status == "SUCCEEDED"
    assert peers.calls().count("POST /users/api/v1/users") == 1


def test_a_rejected_step_undoes_the_steps_before(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /notification/api/v1/notifications", (422, {"code": "validation_failed"}))
    peers.respond("DELETE /users/api/v1/users/u1", (204, None))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = run(operation["id"])
    assert row.status == "COMPENSATED"
    assert row.error == "greet: notification returned 422 (validation_failed)"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "FAILED"}
    assert row.steps[0]["compensation"]["status"] == "SUCCEEDED"
    assert peers.calls()[-1] == "DELETE /users/api/v1/users/u1"


def test_a_first_step_that_is_rejected_leaves_nothing_to_undo(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    peers.respond("POST /users/api/v1/users", (409, {"code": "email_taken"}))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = run(operation["id"])
    assert (row.status, row.error) == ("FAILED", "create-user: users returned 409 (email_taken)")
    assert len(peers.requests) == 1


def test_a_failed_undo_is_reported(core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /notification/api/v1/notifications", (422, {}))
    peers.respond("DELETE /users/api/v1/users/u1", (409, {"code": "last_admin"}))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = run(operation["id"])
    assert row.status == "FAILED"
    assert row.steps[0]["compensation"]["error"] == "users returned 409 (last_admin)"


def test_a_worker_whose_lease_expired_emits_and_writes_nothing(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /notification/api/v1/notifications", (503, {}), (202, {"id": "n1"}))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    real = operation_runner.resolve_credentials

    def slow(context: StepContext) -> StepContext:
        """Stall the worker before its first step for so long that another worker takes over."""
        monkeypatch.setattr(operation_runner, "resolve_credentials", real)
        with transaction():
            db.session.execute(update(Operation).values(locked_until=utcnow() - timedelta(seconds=1)))
        operation_runner.run(context.operation_id)
        return real(context)

    monkeypatch.setattr(operation_runner, "resolve_credentials", slow)
    row = run(operation["id"])
    assert (row.status, row.error) == ("PENDING", "notification returned 503"), "as the second worker left it"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "PENDING"}
    assert run(operation["id"]).status == "SUCCEEDED"
    emitted = db.session.scalars(select(OutboxEvent.type)).all()
    assert emitted.count("core.operation.completed") == 1


def test_a_service_that_stays_unavailable_ends_in_undoing(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /auth/api/v1/auth/password/invite", (503, {}))
    peers.respond("DELETE /users/api/v1/users/u1", (503, {}), (204, None))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = run(operation["id"])
    assert row.status == "PENDING" and row.undoing  # undoing, too, needs a service that is unavailable
    assert run(operation["id"]).status == "COMPENSATED"


def test_offboarding_deactivates_everything_a_user_has(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    user = str(uuid7())
    peers.respond(f"GET /users/api/v1/users/{user}", (200, {"isActive": True}))
    peers.respond("GET /integration/api/v1/integrations", (200, [{"id": "i1"}, {"id": "i2"}]))
    peers.respond(f"PATCH /users/api/v1/users/{user}", (200, {}))
    for integration_id in ("i1", "i2"):
        peers.respond(f"PATCH /integration/api/v1/integrations/{integration_id}", (200, {}))
    peers.respond(f"DELETE /users/api/v1/users/{user}", (409, {"code": "last_admin"}))
    operation = create(core_client, admin, "offboard-user", {"userId": user}).get_json()["data"]
    assert run(operation["id"]).status == "COMPENSATED"
    changes = [(call, body) for call, body, _ in peers.requests if call.startswith("PATCH")]
    account, first, second = f"PATCH /users/api/v1/users/{user}", changes[1][0], changes[2][0]
    assert [body["isActive"] for _, body in changes] == [False, False, False, True, True, True]
    assert [call for call, _ in changes] == [account, first, second, first, second, account]


def test_an_administrator_cannot_offboard_their_own_account(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    operation = create(core_client, admin, "offboard-user", {"userId": str(admin.user.id)}).get_json()["data"]
    row = run(operation["id"])
    assert (row.status, row.error) == ("FAILED", "look-up: you cannot offboard your own account")
    assert peers.requests == []


def test_a_broadcast_uses_the_bulk_endpoint(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    peers.respond(
        "POST /notification/api/v1/notifications/bulk", (202, {"batchId": "b1", "accepted": 7, "skipped": ["u1"]})
    )
    payload = {"message": {"channel": "IN_APP", "content": "Hello"}, "filter": {"role": "USER"}}
    operation = create(core_client, admin, "broadcast", payload).get_json()["data"]
    row = run(operation["id"])
    assert row.steps[0]["result"] == {"batchId": "b1", "accepted": 7, "skipped": ["u1"]}
    assert peers.requests[0][1] == {"channel": "IN_APP", "content": "Hello", "filter": {"role": "USER"}}
    assert "Hello" not in json.dumps(row.input)


@pytest.mark.parametrize(
    ("type", "payload", "pointer"),
    [
        ("launch-rocket", {}, "/type"),
        ("onboard-user", {"email": "nonsense"}, "/input/email"),
        ("onboard-user", {"email": "a@example.test", "isRoot": True}, "/input/isRoot"),
        ("offboard-user", {}, "/input/userId"),
        ("broadcast", {"message": {}, "userIds": ["x"]}, "/input/userIds/0"),
    ],
)
def test_invalid_input_is_rejected_immediately(
    core_client: FlaskClient, admin: Any, type: str, payload: Any, pointer: str
) -> None:
    answer = create(core_client, admin, type, payload)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_the_same_key_creates_one_operation(core_client: FlaskClient, admin: Any) -> None:
    answers = [create(core_client, admin, "onboard-user", ONBOARD, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].get_json()["data"]["id"] == answers[1].get_json()["data"]["id"]
    assert len(db.session.scalars(select(Operation)).all()) == 1


def accept(type: str, payload: Any) -> Operation:
    """Accept an operation that was requested by an event, as a schedule does it."""
    operation_id = uuid7()
    with transaction():
        event_id = emit(CoreOperation(id=operation_id, operation=type), secret_data={"input": payload})
    with transaction():
        operations.accept(db.session.get_one(OutboxEvent, event_id))
        operations.accept(db.session.get_one(OutboxEvent, event_id))  # arrives twice, counts once
    return db.session.get_one(Operation, operation_id)


def test_an_operation_requested_by_an_event_needs_cores_own_credentials(worker_context: None, peers: Peers) -> None:
    row = run(str(accept("onboard-user", ONBOARD).id))
    assert row.status == "FAILED"
    assert row.error == "create-user: the requester's access token has expired, and CORE_CLIENT_ID is not set"


def test_an_operation_requested_by_an_event_acts_as_cores_machine_client(
    core: Flask, worker_context: None, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_onboarding(peers, "u1")
    peers.respond("POST /auth/api/v1/auth/token", (503, {}), (200, {"access_token": "machine", "expires_in": 900}))
    monkeypatch.setattr(credentials, "_cached_tokens", {})
    settings = core.extensions["heidi"].settings
    monkeypatch.setattr(
        core.extensions["heidi"], "settings", replace(settings, core_client_id="core", core_client_secret="s")
    )
    row = run(str(accept("onboard-user", ONBOARD).id))
    assert (row.status, row.error) == ("PENDING", "auth returned 503")
    assert run(str(row.id)).status == "SUCCEEDED"
    authorizations = [headers["Authorization"] for _, _, headers in peers.requests]
    assert authorizations == ["Basic Y29yZTpz"] * 2 + ["Bearer machine"] * 3  # one token for all steps


@pytest.mark.parametrize("type", ["onboard-user", "make-coffee"])
def test_an_invalid_request_event_is_rejected_without_repeating_its_input(worker_context: None, type: str) -> None:
    with pytest.raises(PermanentFailure, match=r"email|make-coffee") as failure:
        accept(type, {"email": "nonsense"})
    assert "nonsense" not in str(failure.value)
    assert db.session.scalars(select(Operation)).all() == []


def test_a_step_that_raises_ends_like_a_rejected_one(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    peers.respond("POST /users/api/v1/users", (201, ["not what was agreed"]))
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = run(operation["id"])
    assert (row.status, steps(row)["create-user"]) == ("FAILED", "FAILED")
    assert row.error is not None and "internal error" in row.error


def test_an_operation_that_kills_its_workers_ends(
    core_client: FlaskClient, worker_context: None, peers: Peers, admin: Any
) -> None:
    """A killed worker leaves only the number of attempts behind."""
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    with transaction():
        db.session.execute(update(Operation).values(attempts=operation_runner.MAX_CLAIMS))
    row = run(operation["id"])
    assert (row.status, peers.requests) == ("FAILED", [])


def test_an_operation_whose_encryption_key_is_missing_fails(
    core_client: FlaskClient, worker_context: None, admin: Any
) -> None:
    operation = create(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    with transaction():
        db.session.execute(update(Operation).values(sealed="nobody.can.open"))
    row = run(operation["id"])
    assert (row.status, row.sealed) == ("FAILED", None)
    assert db.session.scalars(select(OutboxEvent.type)).all() == ["core.operation", "core.operation.completed"]
