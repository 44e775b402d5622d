"""Operations: their steps, repetitions and compensation, with the real services."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import repeat
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from heidi_common.audit.trail import Audit
from heidi_common.crypto.encryption import field_encryptor
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_common.operations.registry import OPERATIONS
from heidi_common.peers.models import PeerResponse
from heidi_common.peers.signature import REQUESTER_HEADER
from heidi_services.core.models import Operation
from heidi_services.core.service import operation_runner
from heidi_services.integration.models import Integration
from heidi_services.notification.models import Notification
from tests.auth.helpers import mails
from tests.core.operation_helpers import (
    CREATE,
    DELETE,
    GREET,
    INVITE,
    ONBOARD,
    PATH,
    UNAVAILABLE,
    PeerCalls,
    change_user,
    create,
    request_operation,
    run,
    steps,
    user_by_email,
)


def test_an_operation_is_accepted_shown_and_emitted(client: FlaskClient, admin: Any) -> None:
    answer = create(client, admin, "onboard-user", ONBOARD)
    operation = answer.get_json()["data"]
    assert (answer.status_code, operation["status"]) == (202, "PENDING")
    assert [step["name"] for step in operation["steps"]] == ["create-user", "invite", "greet"]
    assert operation["requestedBy"] == str(admin.user.id)
    assert operation["input"] == {"role": "MODERATOR"}
    assert b"new@example.test" not in answer.data
    event = db.session.scalars(select(OutboxEvent)).one()
    assert (event.type, event.subject) == ("core.operation", operation["id"])
    assert event.data["requestedBy"] == str(admin.user.id)
    assert client.get(f"{PATH}/{operation['id']}", headers=admin.headers).get_json()["data"] == operation
    listed = client.get(f"{PATH}?type=onboard-user&status=PENDING", headers=admin.headers).get_json()["data"]
    assert listed == [operation]


def test_the_access_token_of_the_requester_is_not_stored(client: FlaskClient, admin: Any) -> None:
    row = db.session.get_one(Operation, request_operation(client, admin, "onboard-user", ONBOARD))
    secret = field_encryptor().decrypt(row.sealed or "", context=row.id.bytes)
    assert set(secret) == {"input"}


def test_onboarding_creates_the_account_invites_and_greets(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert (row.status, set(steps(row).values()), row.error) == ("SUCCEEDED", {"SUCCEEDED"}, None)
    assert row.sealed is None and row.finished_at is not None
    user = user_by_email()
    assert (user.first_name, user.role) == ("Ada", "MODERATOR")
    assert [mail["recipient"] for mail in mails("invitation")] == ["new@example.test"]
    greeting = db.session.scalars(select(Notification).where(Notification.user_id == user.id)).one()
    assert (greeting.channel, greeting.content) == ("IN_APP", "Welcome! Your account is ready.")
    assert peers.names() == [CREATE, INVITE, GREET]
    assert len(next(call for call in peers.recorded if call.name == CREATE).json["password"]) >= 40
    done = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "core.operation.completed")).one()
    assert done.data == {"id": str(row.id), "operation": "onboard-user", "status": "SUCCEEDED"}


def test_core_acts_as_its_own_client_on_behalf_of_the_requester(
    client: FlaskClient, peers: PeerCalls, admin: Any, core_machine: UUID
) -> None:
    run(request_operation(client, admin, "onboard-user", ONBOARD))
    calls = [call for call in peers.recorded if call.name in (CREATE, INVITE, GREET)]
    assert {call.headers[REQUESTER_HEADER] for call in calls} == {str(admin.user.id)}
    (authorization,) = {call.headers["Authorization"] for call in calls}
    assert authorization != admin.headers["Authorization"]
    audited = db.session.scalars(select(Audit).where(Audit.action.in_(("user_created", "user_invited")))).all()
    expected = {(str(core_machine), str(admin.user.id))}
    assert {(row.actor, (row.detail or {})["onBehalfOf"]) for row in audited} == expected and len(audited) == 2


def test_a_finished_operation_is_not_run_again(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    run(operation_id)
    run(operation_id)
    assert len(peers.names()) == 3


def test_an_unavailable_service_is_called_again_with_the_same_request(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    peers.fail(CREATE, [UNAVAILABLE])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    before = utcnow()
    row = run(operation_id)
    assert (row.status, row.attempts, row.error) == ("PENDING", 1, "users returned 503 (unavailable)")
    assert row.next_attempt_at >= before + timedelta(seconds=0.5) and row.locked_until is None
    assert run(operation_id).status == "SUCCEEDED"
    first, second = (call for call in peers.recorded if call.name == CREATE)
    assert first.json == second.json
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


@pytest.mark.parametrize("name", [CREATE, INVITE, GREET])
def test_a_step_whose_response_was_lost_takes_effect_once(
    client: FlaskClient, peers: PeerCalls, admin: Any, name: str
) -> None:
    peers.lose_response(name)
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    assert run(operation_id).status == "PENDING"
    assert run(operation_id).status == "SUCCEEDED"
    assert peers.names().count(name) == 2
    assert len(mails("invitation")) == 1
    inbox = select(Notification).where(Notification.user_id == user_by_email().id)
    assert len(db.session.scalars(inbox).all()) == 1


def test_steps_that_are_done_are_not_repeated(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    peers.fail(GREET, [UNAVAILABLE])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    assert steps(run(operation_id))["invite"] == "SUCCEEDED"
    assert run(operation_id).status == "SUCCEEDED"
    assert peers.names().count(CREATE) == 1


def test_a_rejected_step_undoes_the_steps_before(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    peers.fail(GREET, [PeerResponse(422, {"code": "validation_failed"})])
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert row.status == "COMPENSATED"
    assert row.error == "greet: notification returned 422 (validation_failed)"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "FAILED"}
    assert row.steps[0]["compensation"]["status"] == "SUCCEEDED"
    assert user_by_email().deleted_at is not None


def test_a_first_step_that_is_rejected_leaves_nothing_to_undo(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any]
) -> None:
    as_user(email=ONBOARD["email"])
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert (row.status, row.error) == ("FAILED", "create-user: users returned 409 (email_taken)")
    assert peers.names() == [CREATE]


def test_a_failed_undo_is_reported(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    """Another administrator has made the new user an administrator in the meantime."""
    peers.fail(GREET, [PeerResponse(422, {})])
    peers.before(GREET, lambda: change_user(user_by_email().id, role=Role.ADMIN))
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert row.status == "FAILED"
    assert row.steps[0]["compensation"]["error"] == "users returned 403 (forbidden)"
    assert user_by_email().deleted_at is None


def test_a_worker_whose_lease_expired_emits_and_writes_nothing(
    client: FlaskClient, peers: PeerCalls, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers.fail(GREET, [UNAVAILABLE])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    real = operation_runner.resolve_authorization

    def slow(stored: str | None) -> str:
        """Stall the worker before its first step for so long that another worker takes over."""
        monkeypatch.setattr(operation_runner, "resolve_authorization", real)
        with transaction():
            db.session.execute(update(Operation).values(locked_until=utcnow() - timedelta(seconds=1)))
        operation_runner.run(operation_id)
        return real(stored)

    monkeypatch.setattr(operation_runner, "resolve_authorization", slow)
    row = run(operation_id)
    assert (row.status, row.error) == ("PENDING", "notification returned 503 (unavailable)"), "as the second left it"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "PENDING"}
    assert run(operation_id).status == "SUCCEEDED"
    emitted = db.session.scalars(select(OutboxEvent.type)).all()
    assert emitted.count("core.operation.completed") == 1


def test_a_service_that_stays_unavailable_ends_in_undoing(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    peers.fail(INVITE, repeat(UNAVAILABLE))
    peers.fail(DELETE, [UNAVAILABLE])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = run(operation_id)
    assert row.status == "PENDING" and row.undoing  # undoing, too, needs a service that is unavailable
    assert run(operation_id).status == "COMPENSATED"
    assert user_by_email().deleted_at is not None


@pytest.fixture
def leaving(client: FlaskClient, as_user: Callable[..., Any]) -> Any:
    """A user with two active integrations."""
    user = as_user()
    for name in ("first", "second"):
        hook = {"provider": "WEBHOOK", "name": name, "webhookUrl": "http://127.0.0.1:9/"}
        assert client.post("/api/v1/integrations", json=hook, headers=user.headers).status_code == 201
    return user


def active_integrations(user: Any) -> int:
    active = select(Integration.id).where(Integration.user_id == user.user.id, Integration.is_active)
    return len(db.session.scalars(active).all())


def test_an_offboarding_that_cannot_be_completed_is_undone_in_reverse_order(
    client: FlaskClient, peers: PeerCalls, admin: Any, leaving: Any
) -> None:
    peers.fail(DELETE, [PeerResponse(409, {"code": "last_admin"})])
    row = run(request_operation(client, admin, "offboard-user", {"userId": str(leaving.user.id)}))
    assert (row.status, row.error) == ("COMPENSATED", "delete-user: users returned 409 (last_admin)")
    changes = [call for call in peers.recorded if call.name.startswith("PATCH")]
    account, integration = "PATCH /api/v1/users/{id}", "PATCH /api/v1/integrations/{id}"
    assert [call.json["isActive"] for call in changes] == [False, False, False, True, True, True]
    assert [call.name for call in changes] == [account, integration, integration, integration, integration, account]
    assert db.session.get_one(User, leaving.user.id).is_active and active_integrations(leaving) == 2


@pytest.mark.parametrize("role", [Role.ADMIN, Role.USER])
def test_an_operation_does_not_offboard_administrators_nor_its_requester(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any], role: Role
) -> None:
    is_other = role is Role.ADMIN
    user = as_user(Role.ADMIN).user if is_other else admin.user
    row = run(request_operation(client, admin, "offboard-user", {"userId": str(user.id)}))
    reason = "an administrator cannot be offboarded by an operation" if is_other else "you cannot offboard your own"
    assert row.status == "FAILED" and row.error is not None and row.error.startswith(f"look-up: {reason}")
    assert [name for name in peers.names() if not name.startswith("GET")] == []


def test_a_broadcast_uses_the_bulk_endpoint(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    unknown = str(uuid7())
    payload = {"message": {"channel": "IN_APP", "content": "Hello"}, "userIds": [str(admin.user.id), unknown]}
    row = run(request_operation(client, admin, "broadcast", payload))
    assert (row.status, row.steps[0]["result"]["accepted"]) == ("SUCCEEDED", 1)
    assert row.steps[0]["result"]["skipped"] == [unknown]
    assert db.session.scalars(select(Notification.content)).all() == ["Hello"]
    assert "Hello" not in json.dumps(row.input)


@pytest.mark.parametrize(
    ("type", "payload", "pointer"),
    [
        ("launch-rocket", {}, "/type"),
        ("onboard-user", {"email": "nonsense"}, "/input/email"),
        ("onboard-user", {"email": "a@example.test", "isRoot": True}, "/input/isRoot"),
        ("onboard-user", {"email": "a@example.test", "role": "ADMIN"}, "/input/role"),
        ("offboard-user", {}, "/input/userId"),
        ("broadcast", {"message": {}, "userIds": ["x"]}, "/input/userIds/0"),
    ],
)
def test_invalid_input_is_rejected_immediately(
    client: FlaskClient, admin: Any, type: str, payload: Any, pointer: str
) -> None:
    answer = create(client, admin, type, payload)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_the_same_key_creates_one_operation(client: FlaskClient, admin: Any) -> None:
    answers = [create(client, admin, "onboard-user", ONBOARD, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].get_json()["data"]["id"] == answers[1].get_json()["data"]["id"]
    assert len(db.session.scalars(select(Operation)).all()) == 1


def test_a_step_that_raises_ends_like_a_rejected_one(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    peers.fail(CREATE, repeat(PeerResponse(201, {"data": ["not what was agreed"]})))
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = run(operation_id)
    assert (row.status, steps(row)["create-user"]) == ("FAILED", "FAILED")
    assert row.error is not None and "internal error" in row.error


def test_an_operation_that_kills_its_workers_ends(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    """A killed worker leaves only the number of attempts behind."""
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    with transaction():
        db.session.execute(update(Operation).values(attempts=operation_runner.MAX_CLAIMS))
    row = run(operation_id)
    assert (row.status, peers.names()) == ("FAILED", [])


def test_an_operation_whose_encryption_key_is_missing_fails(client: FlaskClient, admin: Any) -> None:
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    with transaction():
        db.session.execute(update(Operation).values(sealed="nobody.can.open"))
    row = run(operation_id)
    assert (row.status, row.sealed) == ("FAILED", None)
    assert db.session.scalars(select(OutboxEvent.type)).all() == ["core.operation", "core.operation.completed"]


def test_operation_types_describe_their_inputs(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    response = client.get("/api/v1/core/operation-types", headers=as_user(Role.ADMIN).headers)
    types = {item["type"]: item for item in response.json["data"]}
    assert set(types) == set(OPERATIONS)
    onboard = types["onboard-user"]["input"]
    assert onboard["required"] == ["email"]
    assert set(onboard["properties"]["role"]["enum"]) == {"MODERATOR", "USER"}
    assert all(item["description"] and item["steps"] for item in types.values())
