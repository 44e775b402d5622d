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
from heidi_services.core.operations import Order
from heidi_services.core.service import operation_runner, operations

PATH = "/api/v1/core/operations"
ONBOARD = {"email": "new@example.test", "firstName": "Ada", "role": "MODERATOR"}


class Peers:
    """Answers of the services by "METHOD /service/path", the last one for ever; keeps what it was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, Any, Any]] = []
        server.expect_request(re.compile("/.*")).respond_with_handler(self._handle)

    def say(self, question: str, *answers: tuple[int, Any]) -> None:
        self.answers[question] = list(answers)

    def questions(self) -> list[str]:
        return [question for question, _, _ in self.asked]

    def _handle(self, request: Request) -> Response:
        question = f"{request.method} {request.path}"
        self.asked.append((question, request.get_json(silent=True), dict(request.headers)))
        left = self.answers[question]
        status, data = left.pop(0) if len(left) > 1 else left[0]
        body = {"data": data, "meta": {}} if status < 400 and not request.path.endswith("/auth/token") else data
        return Response(json.dumps(body) if status != 204 else "", status, content_type="application/json")


@pytest.fixture
def peers(httpserver: HTTPServer) -> Peers:
    return Peers(httpserver)


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


@pytest.fixture
def inside(core: Flask) -> Iterator[None]:
    """As a worker: core's own settings, no request."""
    with core.app_context():
        yield


def ask(client: FlaskClient, who: Any, type: str, given: Any, **headers: str) -> Any:
    return client.post(PATH, json={"type": type, "input": given}, headers=who.headers | headers)


def carry_out(operation_id: str) -> Operation:
    """One look of a worker, now, whenever the row is due."""
    with transaction():
        db.session.execute(update(Operation).values(next_attempt_at=utcnow() - timedelta(seconds=1)))
    operation_runner.carry_out(UUID(operation_id))
    db.session.expire_all()
    return db.session.get_one(Operation, UUID(operation_id))


def steps(row: Operation) -> dict[str, str]:
    return {step["name"]: step["status"] for step in row.steps}


def ready_to_onboard(peers: Peers, user_id: str) -> None:
    peers.say("POST /users/api/v1/users", (201, {"id": user_id}))
    peers.say("POST /auth/api/v1/auth/password/invite", (202, None))
    peers.say("POST /notification/api/v1/notifications", (202, {"id": "n1"}))


def test_an_operation_is_accepted_shown_and_said(core_client: FlaskClient, admin: Any) -> None:
    answer = ask(core_client, admin, "onboard-user", ONBOARD)
    found = answer.get_json()["data"]
    assert (answer.status_code, found["status"]) == (202, "PENDING")
    assert [step["name"] for step in found["steps"]] == ["create-user", "invite", "greet"]
    assert found["requestedBy"] == str(admin.user.id)
    assert found["input"] == {"role": "MODERATOR"}
    assert b"new@example.test" not in answer.data
    event = db.session.scalars(select(OutboxEvent)).one()
    assert (event.type, event.subject) == ("core.operation", found["id"])
    assert core_client.get(f"{PATH}/{found['id']}", headers=admin.headers).get_json()["data"] == found
    listed = core_client.get(f"{PATH}?type=onboard-user&status=PENDING", headers=admin.headers).get_json()["data"]
    assert listed == [found]


def test_onboarding_makes_the_account_invites_and_greets(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    ready_to_onboard(peers, "u1")
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = carry_out(operation["id"])
    assert (row.status, set(steps(row).values()), row.error) == ("SUCCEEDED", {"SUCCEEDED"}, None)
    assert row.sealed is None and row.finished_at is not None
    created, invited, greeted = peers.asked
    assert created[1] == created[1] | ONBOARD and len(created[1]["password"]) >= 40
    assert invited[1] == {"userId": "u1"}
    assert greeted[1]["userId"] == "u1" and greeted[1]["channel"] == "IN_APP"
    assert {headers["Authorization"] for _, _, headers in peers.asked} == {admin.headers["Authorization"]}
    done = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "core.operation.completed")).one()
    assert done.data == {"id": operation["id"], "operation": "onboard-user", "status": "SUCCEEDED"}


def test_a_finished_operation_is_not_carried_out_again(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    ready_to_onboard(peers, "u1")
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    carry_out(operation["id"])
    carry_out(operation["id"])
    assert len(peers.asked) == 3


def test_a_service_that_is_away_is_asked_again_with_the_same_request(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /users/api/v1/users", (503, {"code": "unavailable"}), (201, {"id": "u1"}))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    before = utcnow()
    row = carry_out(operation["id"])
    assert (row.status, row.attempts, row.error) == ("PENDING", 1, "users answered 503 (unavailable)")
    assert row.next_attempt_at >= before + timedelta(seconds=0.5) and row.locked_until is None
    assert carry_out(operation["id"]).status == "SUCCEEDED"
    first, second = peers.asked[:2]
    assert first[1] == second[1]
    assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"]


def test_steps_that_are_done_are_not_repeated(core_client: FlaskClient, inside: None, peers: Peers, admin: Any) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /notification/api/v1/notifications", (503, {}), (202, {"id": "n1"}))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    assert steps(carry_out(operation["id"]))["invite"] == "SUCCEEDED"
    assert carry_out(operation["id"]).status == "SUCCEEDED"
    assert peers.questions().count("POST /users/api/v1/users") == 1


def test_a_refused_step_undoes_the_ones_before(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /notification/api/v1/notifications", (422, {"code": "validation_failed"}))
    peers.say("DELETE /users/api/v1/users/u1", (204, None))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = carry_out(operation["id"])
    assert row.status == "COMPENSATED"
    assert row.error == "greet: notification answered 422 (validation_failed)"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "FAILED"}
    assert row.steps[0]["compensation"]["status"] == "SUCCEEDED"
    assert peers.questions()[-1] == "DELETE /users/api/v1/users/u1"


def test_a_first_step_that_is_refused_leaves_nothing_to_undo(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    peers.say("POST /users/api/v1/users", (409, {"code": "email_taken"}))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = carry_out(operation["id"])
    assert (row.status, row.error) == ("FAILED", "create-user: users answered 409 (email_taken)")
    assert len(peers.asked) == 1


def test_an_undoing_that_fails_is_told(core_client: FlaskClient, inside: None, peers: Peers, admin: Any) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /notification/api/v1/notifications", (422, {}))
    peers.say("DELETE /users/api/v1/users/u1", (409, {"code": "last_admin"}))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    row = carry_out(operation["id"])
    assert row.status == "FAILED"
    assert row.steps[0]["compensation"]["error"] == "users answered 409 (last_admin)"


def test_a_worker_whose_lease_ran_out_says_and_writes_nothing_more(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /notification/api/v1/notifications", (503, {}), (202, {"id": "n1"}))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    real = operation_runner.authority

    def slow(order: Order) -> Order:
        """Before its first step the worker stands still for so long that another one goes ahead."""
        monkeypatch.setattr(operation_runner, "authority", real)
        with transaction():
            db.session.execute(update(Operation).values(locked_until=utcnow() - timedelta(seconds=1)))
        operation_runner.carry_out(order.operation_id)
        return real(order)

    monkeypatch.setattr(operation_runner, "authority", slow)
    row = carry_out(operation["id"])
    assert (row.status, row.error) == ("PENDING", "notification answered 503"), "as the second worker left it"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "PENDING"}
    assert carry_out(operation["id"]).status == "SUCCEEDED"
    said = db.session.scalars(select(OutboxEvent.type)).all()
    assert said.count("core.operation.completed") == 1


def test_a_service_that_stays_away_ends_in_undoing(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /auth/api/v1/auth/password/invite", (503, {}))
    peers.say("DELETE /users/api/v1/users/u1", (503, {}), (204, None))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = carry_out(operation["id"])
    assert row.status == "PENDING" and row.undoing  # the undoing, too, met a service that was away
    assert carry_out(operation["id"]).status == "COMPENSATED"


def test_offboarding_stops_everything_a_person_has(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    user = str(uuid7())
    peers.say(f"GET /users/api/v1/users/{user}", (200, {"isActive": True}))
    peers.say("GET /integration/api/v1/integrations", (200, [{"id": "i1"}, {"id": "i2"}]))
    peers.say(f"PATCH /users/api/v1/users/{user}", (200, {}))
    for found in ("i1", "i2"):
        peers.say(f"PATCH /integration/api/v1/integrations/{found}", (200, {}))
    peers.say(f"DELETE /users/api/v1/users/{user}", (409, {"code": "last_admin"}))
    operation = ask(core_client, admin, "offboard-user", {"userId": user}).get_json()["data"]
    assert carry_out(operation["id"]).status == "COMPENSATED"
    changes = [(question, body) for question, body, _ in peers.asked if question.startswith("PATCH")]
    people, first, second = f"PATCH /users/api/v1/users/{user}", changes[1][0], changes[2][0]
    assert [body["isActive"] for _, body in changes] == [False, False, False, True, True, True]
    assert [question for question, _ in changes] == [people, first, second, first, second, people]


def test_nobody_offboards_themselves(core_client: FlaskClient, inside: None, peers: Peers, admin: Any) -> None:
    operation = ask(core_client, admin, "offboard-user", {"userId": str(admin.user.id)}).get_json()["data"]
    row = carry_out(operation["id"])
    assert (row.status, row.error) == ("FAILED", "look-up: nobody offboards themselves")
    assert peers.asked == []


def test_a_broadcast_goes_through_the_bulk_door(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    peers.say(
        "POST /notification/api/v1/notifications/bulk", (202, {"batchId": "b1", "accepted": 7, "skipped": ["u1"]})
    )
    given = {"message": {"channel": "IN_APP", "content": "Hello"}, "filter": {"role": "USER"}}
    operation = ask(core_client, admin, "broadcast", given).get_json()["data"]
    row = carry_out(operation["id"])
    assert row.steps[0]["result"] == {"batchId": "b1", "accepted": 7, "skipped": ["u1"]}
    assert peers.asked[0][1] == {"channel": "IN_APP", "content": "Hello", "filter": {"role": "USER"}}
    assert "Hello" not in json.dumps(row.input)


@pytest.mark.parametrize(
    ("type", "given", "pointer"),
    [
        ("launch-rocket", {}, "/type"),
        ("onboard-user", {"email": "nonsense"}, "/input/email"),
        ("onboard-user", {"email": "a@example.test", "isRoot": True}, "/input/isRoot"),
        ("offboard-user", {}, "/input/userId"),
        ("broadcast", {"message": {}, "userIds": ["x"]}, "/input/userIds/0"),
    ],
)
def test_wrong_input_is_refused_at_once(
    core_client: FlaskClient, admin: Any, type: str, given: Any, pointer: str
) -> None:
    answer = ask(core_client, admin, type, given)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_the_same_key_asks_once(core_client: FlaskClient, admin: Any) -> None:
    answers = [ask(core_client, admin, "onboard-user", ONBOARD, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].get_json()["data"]["id"] == answers[1].get_json()["data"]["id"]
    assert len(db.session.scalars(select(Operation)).all()) == 1


def accepted(type: str, given: Any) -> Operation:
    """A request from the bus, as a schedule makes it."""
    operation_id = uuid7()
    with transaction():
        event_id = emit(CoreOperation(id=operation_id, operation=type), secret_data={"input": given})
    with transaction():
        operations.accept(db.session.get_one(OutboxEvent, event_id))
        operations.accept(db.session.get_one(OutboxEvent, event_id))  # comes twice, counts once
    return db.session.get_one(Operation, operation_id)


def test_an_operation_from_the_bus_needs_cores_own_authority(inside: None, peers: Peers) -> None:
    row = carry_out(str(accepted("onboard-user", ONBOARD).id))
    assert row.status == "FAILED"
    assert row.error == "create-user: the requester's sign-in has ended, and CORE_CLIENT_ID is not set"


def test_an_operation_from_the_bus_acts_as_cores_machine_client(
    core: Flask, inside: None, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_to_onboard(peers, "u1")
    peers.say("POST /auth/api/v1/auth/token", (503, {}), (200, {"access_token": "machine", "expires_in": 900}))
    monkeypatch.setattr(credentials, "_kept", {})
    settings = core.extensions["heidi"].settings
    monkeypatch.setattr(
        core.extensions["heidi"], "settings", replace(settings, core_client_id="core", core_client_secret="s")
    )
    row = carry_out(str(accepted("onboard-user", ONBOARD).id))
    assert (row.status, row.error) == ("PENDING", "auth answered 503")
    assert carry_out(str(row.id)).status == "SUCCEEDED"
    own = [headers["Authorization"] for _, _, headers in peers.asked]
    assert own == ["Basic Y29yZTpz"] * 2 + ["Bearer machine"] * 3  # one token for all steps


@pytest.mark.parametrize("type", ["onboard-user", "make-coffee"])
def test_nonsense_from_the_bus_is_refused_without_repeating_it(inside: None, type: str) -> None:
    with pytest.raises(PermanentFailure, match=r"email|make-coffee") as refusal:
        accepted(type, {"email": "nonsense"})
    assert "nonsense" not in str(refusal.value)
    assert db.session.scalars(select(Operation)).all() == []


def test_a_step_that_breaks_ends_like_one_that_is_refused(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    peers.say("POST /users/api/v1/users", (201, ["not what was agreed"]))
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    for _ in range(operation_runner.MAX_ATTEMPTS):
        row = carry_out(operation["id"])
    assert (row.status, steps(row)["create-user"]) == ("FAILED", "FAILED")
    assert row.error is not None and "internal error" in row.error


def test_an_operation_that_takes_its_worker_with_it_ends(
    core_client: FlaskClient, inside: None, peers: Peers, admin: Any
) -> None:
    """Such a worker leaves nothing behind but the count."""
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    with transaction():
        db.session.execute(update(Operation).values(attempts=operation_runner.MOST_CLAIMS))
    row = carry_out(operation["id"])
    assert (row.status, peers.asked) == ("FAILED", [])


def test_an_operation_whose_key_is_gone_fails(core_client: FlaskClient, inside: None, admin: Any) -> None:
    operation = ask(core_client, admin, "onboard-user", ONBOARD).get_json()["data"]
    with transaction():
        db.session.execute(update(Operation).values(sealed="nobody.can.open"))
    row = carry_out(operation["id"])
    assert (row.status, row.sealed) == ("FAILED", None)
    assert db.session.scalars(select(OutboxEvent.type)).all() == ["core.operation", "core.operation.completed"]
