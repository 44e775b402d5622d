"""An operation runs with core's rights on behalf of its requester, whose role is checked before each step."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from uuid_utils.compat import uuid7

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.identity.models import Role, User
from heidi_common.jwt import tokens
from heidi_common.messaging.events import CoreOperation
from heidi_common.messaging.inbox import PermanentFailure
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.peers.models import PeerResponse
from heidi_services.core import credentials
from heidi_services.core.models import Operation
from heidi_services.core.service import operations
from tests.core.operation_helpers import (
    CREATE,
    DELETE,
    GREET,
    INVITE,
    ONBOARD,
    TOKEN,
    UNAVAILABLE,
    PeerCalls,
    change_user,
    request_operation,
    run,
    steps,
    store_token,
    user_by_email,
)

LOSSES: dict[str, dict[str, Any]] = {
    "demoted": {"role": Role.MODERATOR},
    "deactivated": {"is_active": False},
    "deleted": {"deleted_at": utcnow()},
}


def end_session(user: Any) -> None:
    with transaction():
        accounts.end_sessions(user.user.id, "signed_out")
        accounts.revoke_access_tokens(user.user.id)


def expire_core_token() -> None:
    for client_id, (token, _) in credentials._cached_tokens.items():
        credentials._cached_tokens[client_id] = token + "expired", time.time() - 1


@pytest.mark.parametrize("loss", LOSSES)
def test_the_remaining_steps_of_a_requester_who_lost_their_role_are_not_done(
    client: FlaskClient, peers: PeerCalls, admin: Any, as_user: Callable[..., Any], loss: str
) -> None:
    as_user(Role.ADMIN)
    peers.before(INVITE, lambda: change_user(admin.user.id, **LOSSES[loss]))
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert row.status == "FAILED"
    assert row.error == "greet: the requester is not an active administrator any more"
    assert steps(row) == {"create-user": "SUCCEEDED", "invite": "SUCCEEDED", "greet": "FAILED"}
    assert row.steps[2]["code"] == "requester_rejected"
    assert row.steps[0]["compensation"]["status"] == "SUCCEEDED"
    assert peers.names() == [CREATE, INVITE, DELETE]
    assert user_by_email().deleted_at is not None


def test_a_requester_who_lost_their_role_before_the_start_changes_nothing(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    change_user(admin.user.id, role=Role.USER)
    row = run(operation_id)
    assert (row.status, peers.recorded) == ("FAILED", [])
    assert row.error == "create-user: the requester is not an active administrator any more"


def test_a_compensation_that_has_to_wait_still_ends_as_failed(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    peers.before(INVITE, lambda: change_user(admin.user.id, is_active=False))
    peers.fail(DELETE, [UNAVAILABLE])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    row = run(operation_id)
    assert (row.status, row.undoing) == ("PENDING", True)
    assert run(operation_id).status == "FAILED"
    assert user_by_email().deleted_at is not None


def test_an_operation_continues_after_its_requester_has_signed_out(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    peers.before(INVITE, lambda: end_session(admin))
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert (row.status, row.error) == ("SUCCEEDED", None)


def test_a_compensation_after_the_session_has_ended_succeeds(client: FlaskClient, peers: PeerCalls, admin: Any) -> None:
    peers.before(GREET, lambda: end_session(admin))
    peers.fail(GREET, [PeerResponse(422, {})])
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert (row.status, row.steps[0]["compensation"]["status"]) == ("COMPENSATED", "SUCCEEDED")
    assert user_by_email().deleted_at is not None


def test_a_token_of_core_that_expires_between_the_steps_is_replaced(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    peers.before(CREATE, expire_core_token)
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert (row.status, row.error) == ("SUCCEEDED", None)
    assert [call.name for call in peers.recorded].count(TOKEN) == 2


def test_an_unavailable_auth_service_delays_a_step_and_the_token_is_reused(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    peers.fail(TOKEN, [UNAVAILABLE, PeerResponse(429, {})])
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    for status in (503, 429):
        row = run(operation_id)
        assert (row.status, row.error) == ("PENDING", f"auth returned {status}")
    assert run(operation_id).status == "SUCCEEDED"
    assert [call.name for call in peers.recorded].count(TOKEN) == 3


def test_without_a_machine_client_an_operation_fails_and_says_why(client: FlaskClient, admin: Any) -> None:
    row = run(request_operation(client, admin, "onboard-user", ONBOARD))
    assert row.status == "FAILED"
    assert row.error == "create-user: core has no machine client: set CORE_CLIENT_ID and CORE_CLIENT_SECRET"


# Operations and events of version 1.0


def test_an_operation_with_a_stored_token_is_completed_with_it(
    client: FlaskClient, peers: PeerCalls, admin: Any
) -> None:
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    store_token(operation_id, admin.headers["Authorization"])
    assert run(operation_id).status == "SUCCEEDED"
    assert {call.headers["Authorization"] for call in peers.recorded} == {admin.headers["Authorization"]}


@pytest.mark.parametrize("token", ["expired", "ended", "nonsense"])
def test_an_operation_with_an_unusable_stored_token_is_completed_by_core(
    client: FlaskClient, peers: PeerCalls, admin: Any, token: str
) -> None:
    operation_id = request_operation(client, admin, "onboard-user", ONBOARD)
    stored = admin.headers["Authorization"]
    if token == "expired":
        claims = {"sid": str(admin.session_id), "ver": 1, "role": "ADMIN", "scope": ""}
        stored = "Bearer " + tokens.sign(str(admin.user.id), "access", claims, seconds=1)
    elif token == "nonsense":
        stored = "Bearer x"
    store_token(operation_id, stored)
    if token == "ended":
        end_session(admin)
    assert run(operation_id).status == "SUCCEEDED"
    assert stored not in {call.headers["Authorization"] for call in peers.recorded}


def accept(type: str, payload: Any, requested_by: UUID | None = None) -> UUID:
    """Accept an operation that was requested by an event. Events of version 1.0 do not name the requester."""
    operation_id = uuid7()
    with transaction():
        event = CoreOperation(id=operation_id, operation=type, requested_by=requested_by)
        event_id = emit(event, secret_data={"input": payload})
    with transaction():
        operations.accept(db.session.get_one(OutboxEvent, event_id))
        operations.accept(db.session.get_one(OutboxEvent, event_id))  # arrives twice, counts once
    return operation_id


def test_an_event_that_names_no_requester_is_completed_by_core(app: Flask, peers: PeerCalls) -> None:
    row = run(accept("onboard-user", ONBOARD))
    assert (row.status, row.requested_by, row.error) == ("SUCCEEDED", None, None)


def test_an_event_that_names_an_unknown_requester_is_not_carried_out(app: Flask, peers: PeerCalls) -> None:
    row = run(accept("onboard-user", ONBOARD, requested_by=uuid7()))
    assert (row.status, row.error) == ("FAILED", "create-user: the requester does not exist or is revoked")
    assert db.session.scalars(select(User)).all() == []


@pytest.mark.parametrize("type", ["onboard-user", "make-coffee"])
def test_an_invalid_request_event_is_rejected_without_repeating_its_input(app: Flask, type: str) -> None:
    with pytest.raises(PermanentFailure, match=r"email|make-coffee") as failure:
        accept(type, {"email": "nonsense"})
    assert "nonsense" not in str(failure.value)
    assert db.session.scalars(select(Operation)).all() == []
